// What axe's main rules look for, in a page: gives a list of faults, each with the element. Run by accessibility.py.
const faults = [];
const say = (rule, element) => faults.push(`${rule}: ${element.outerHTML.slice(0, 160)}`);
const isShown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true })
  && element.getBoundingClientRect().width > 0 && !element.closest('[aria-hidden="true"]');
const all = (selector) => [...document.querySelectorAll(selector)].filter(isShown);

const byId = (ids) => (ids ?? '').split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? '').join(' ').trim();
function nameOf(element) {
  return byId(element.getAttribute('aria-labelledby')) || element.getAttribute('aria-label')?.trim()
    || [...(element.labels ?? [])].map((label) => label.textContent.trim()).join(' ').trim()
    || (element.matches('button, a, summary, [role="button"], [role="tab"]') && element.textContent.trim())
    || (element.matches('input[type=submit], input[type=button]') && element.value)
    || element.querySelector?.('img[alt], svg[aria-label], svg title')?.textContent
    || element.getAttribute('title')?.trim() || '';
}

// html-has-lang, document-title, meta-viewport
if (!document.documentElement.lang) faults.push('html-has-lang');
if (!document.title.trim()) faults.push('document-title');
const viewport = document.querySelector('meta[name=viewport]')?.content ?? '';
if (!viewport || /user-scalable\s*=\s*no|maximum-scale\s*=\s*[1-4](\D|$)/.test(viewport)) faults.push(`meta-viewport: ${viewport}`);

// landmarks and headings
if (all('main, [role=main]').length !== 1) faults.push(`landmark-one-main: ${all('main, [role=main]').length}`);
if (all('nav, [role=navigation]').length === 0) faults.push('landmark: no navigation');
const navigations = all('nav, [role=navigation]');
if (navigations.length > 1) navigations.filter((each) => !nameOf(each)).forEach((each) => say('landmark-unique', each));
if (all('h1').length !== 1) faults.push(`page-has-heading-one: ${all('h1').length}`);
let level = 0;
for (const heading of all('h1, h2, h3, h4, h5, h6')) {
  const next = Number(heading.tagName[1]);
  if (next > level + 1) say(`heading-order ${level} -> ${next}`, heading);
  if (!heading.textContent.trim()) say('empty-heading', heading);
  level = next;
}
for (const element of all('main *')) {
  if (element.matches('li') && !element.parentElement.matches('ul, ol, menu, [role=list]')) say('listitem', element);
}

// names
for (const element of all('input:not([type=hidden]), select, textarea')) if (!nameOf(element)) say('label', element);
for (const element of all('button, a[href], summary, [role=button], [role=tab]')) if (!nameOf(element)) say('name', element);
for (const element of all('img')) if (!element.hasAttribute('alt')) say('image-alt', element);
for (const element of all('svg, canvas')) {
  // A terminal's are told by its name, and by its lines as text.
  if (!element.closest('[role=img], [aria-hidden], .xterm') && !nameOf(element)) say('graphic without a name', element);
}
for (const element of all('dialog, [role=dialog]')) if (!nameOf(element)) say('aria-dialog-name', element);

// ids and references
const ids = new Map();
for (const element of document.querySelectorAll('[id]')) {
  if (ids.has(element.id)) say('duplicate-id', element);
  ids.set(element.id, element);
}
for (const attribute of ['aria-labelledby', 'aria-describedby', 'aria-controls', 'for']) {
  for (const element of document.querySelectorAll(`[${attribute}]`)) {
    for (const id of element.getAttribute(attribute).split(/\s+/)) if (!ids.has(id)) say(`${attribute}=${id}`, element);
  }
}

// tables
for (const table of all('table')) {
  const headers = table.querySelectorAll('th');
  if (!headers.length) say('table without th', table);
  for (const header of headers) if (!header.hasAttribute('scope')) say('th without scope', header);
}

// keyboard: nothing that is clicked by tabindex > 0, no focusable in what is hidden from readers
for (const element of all('[tabindex]')) if (element.tabIndex > 0) say('tabindex', element);
for (const element of document.querySelectorAll('[aria-hidden=true] button, [aria-hidden=true] a[href]')) {
  if (element.tabIndex >= 0 && element.checkVisibility()) say('aria-hidden-focus', element);
}
for (const element of all('div[onclick], span[onclick], tr[onclick]')) say('clickable without a role', element);
if (!document.querySelector('[aria-live], [role=status], [role=alert], output')) faults.push('no live region');

// colour contrast: 4.5, for large text 3
function parse(colour) {
  const numbers = colour.match(/[\d.]+/g)?.map(Number) ?? [0, 0, 0, 0];
  if (colour.startsWith('color(srgb')) return [...numbers.slice(0, 3).map((part) => part * 255), numbers[3] ?? 1];
  return numbers.length === 3 ? [...numbers, 1] : numbers;
}
const over = (front, back) => front.slice(0, 3).map((part, index) => part * front[3] + back[index] * (1 - front[3]));
function luminance(colour) {
  const [red, green, blue] = colour.map((part) => {
    const share = part / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
function background(element) {
  const layers = [];
  for (let each = element; each; each = each.parentElement) {
    const style = getComputedStyle(each);
    if (style.backgroundImage !== 'none') return null;
    const colour = parse(style.backgroundColor);
    if (colour[3] > 0) layers.push(colour);
    if (colour[3] === 1) break;
  }
  const dark = getComputedStyle(document.documentElement).colorScheme.includes('dark')
    && matchMedia('(prefers-color-scheme: dark)').matches;
  return layers.reduceRight((below, layer) => over(layer, below), dark ? [18, 18, 18] : [255, 255, 255]);
}
const seen = new Set();
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.textContent.trim() || seen.has(element)) continue;
  seen.add(element);
  if (!isShown(element) || element.closest(':disabled, [aria-disabled=true], script, style, .xterm, option')) continue;
  const box = element.getBoundingClientRect();
  if (box.width <= 1 || box.height <= 1) continue;
  const back = background(element);
  if (!back) continue;
  const style = getComputedStyle(element);
  const front = over(parse(style.color), back);
  const [light, dark] = [luminance(front), luminance(back)].sort((one, other) => other - one);
  const ratio = (light + 0.05) / (dark + 0.05);
  const size = parseFloat(style.fontSize);
  const least = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700) ? 3 : 4.5;
  if (ratio < least) say(`color-contrast ${ratio.toFixed(2)}`, element);
}
return faults;
