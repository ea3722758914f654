// The page's elements. What others say gets into the page here alone, and as text only.

export const $ = (id) => document.getElementById(id);

/**
 * Makes an element. A property of `data` becomes an attribute `data-…`, text among `children` stays text.
 *
 * @param {string} tag
 * @param {Record<string, any>} [properties]
 * @param {...(Node | string)} children
 */
export function make(tag, { data = {}, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  Object.assign(element.dataset, data);
  element.append(...children);
  return element;
}

/** Sets a text if it is another one, as a screen reader reads out all that is set. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** A small picture of the page's own, by its name in index.html. */
export function icon(name) {
  const SVG = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(SVG, "svg");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  svg.setAttribute("aria-hidden", "true");
  return svg;
}

/** "a", "a and b", "a, b and c". */
export function listed(words) {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** "1 message", "3 messages". */
export function counted(count, word, many = `${word}s`) {
  return `${count.toLocaleString("en")} ${count === 1 ? word : many}`;
}
