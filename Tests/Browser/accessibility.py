"""Looks at a page as axe would: in both themes, at the width of a phone, and with the keyboard alone."""

import pathlib

import webdriver

CHECKS = (pathlib.Path(__file__).parent / "accessibility.js").read_text()
PHONE = 360


def faults(page) -> list[str]:
    return page.run(CHECKS)


def faults_in_both_themes(page) -> list[str]:
    found = []
    for theme in ("light", "dark"):
        page.run("document.documentElement.dataset.theme = arguments[0];", theme)
        # Colours that fade from one theme to the other would be measured half-way.
        page.run("document.getAnimations().forEach((animation) => animation.finish());")
        found += [f"{theme}: {fault}" for fault in faults(page)]
    return found


def wider_than_a_phone(page) -> list[str]:
    """What sticks out at 360 px, other than in a box that scrolls by itself."""
    page.resize(PHONE, 740)
    found = page.run("""
        const width = document.documentElement.clientWidth;
        if (document.documentElement.scrollWidth <= width) return [];
        return [...document.querySelectorAll('body *')].filter((element) => {
          const box = element.getBoundingClientRect();
          if (box.right <= width + 1 || !box.width) return false;
          // What lies in a box that scrolls is cut by it, unless it is placed against something outside of that.
          let place = element;
          while ((place = getComputedStyle(place).position === 'absolute' ? place.offsetParent : place.parentElement)) {
            if (getComputedStyle(place).overflowX !== 'visible') return false;
          }
          return true;
        }).slice(0, 5).map((element) => element.outerHTML.slice(0, 160));""")
    page.devtools("Emulation.clearDeviceMetricsOverride")
    return found


def without_visible_focus(page, most: int = 60) -> list[str]:
    """Goes through the page by Tab; each thing with the focus has to look different from without it."""
    page.run("document.activeElement?.blur(); window.scrollTo(0, 0);")
    found, first = [], None
    for _ in range(most):
        page.type(webdriver.TAB)
        focused = page.run("""
            const element = document.activeElement;
            if (!element || element === document.body) return null;
            const style = getComputedStyle(element);
            const seen = (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
            window.focusOrder ??= new Map();
            if (!focusOrder.has(element)) focusOrder.set(element, focusOrder.size);
            return { seen, number: focusOrder.get(element), what: element.outerHTML.slice(0, 160),
                     isTerminal: Boolean(element.closest('.xterm')) };""")
        # A terminal takes the Tab for the program that runs in it.
        if focused is None or focused["isTerminal"]:
            break
        if first is None:
            first = focused["number"]
        elif focused["number"] == first:
            break
        if not focused["seen"]:
            found.append(focused["what"])
    return found
