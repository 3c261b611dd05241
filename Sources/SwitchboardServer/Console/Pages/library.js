// Libraries of the machine that the node serves, loaded when they are needed. They may be missing; pages work without.

const loading = new Map();

/** Loads lib/NAME once. Resolves to the global that it makes; rejects with an error that says which package is missing. */
export function library(name, global) {
  if (!loading.has(name)) loading.set(name, load(name, global));
  return loading.get(name);
}

function load(name, global) {
  const url = new URL(`lib/${name}`, import.meta.url);
  return new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => (window[global] ? resolve(window[global]) : reject(new Error(`${name} is not the library that was expected`)));
    script.onerror = async () => {
      const problem = await fetch(url).then((response) => response.json()).catch(() => ({}));
      reject(new Error(problem.detail ?? `${name} could not be loaded`));
    };
    document.head.append(script);
  });
}

export function stylesheet(name) {
  document.head.append(Object.assign(document.createElement("link"), { rel: "stylesheet", href: new URL(`lib/${name}`, import.meta.url) }));
}
