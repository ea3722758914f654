// Where one types: Enter sends, Shift and Enter begins a line, and the length is told before it is too much.

import { $, setText } from "./dom.js";

const [form, text, send, counter] = ["composer", "text", "send", "counter"].map($);

let max = 2000;
let drafts = new Map(); // of the rooms that are not in view
let topic;

/**
 * @param {{ maxChars: number, said: (text: string) => boolean, typed: () => void }} how `said` tells whether it was taken
 */
export function start({ maxChars, said, typed }) {
  max = maxChars;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const what = text.value.trim();
    if (what && (length(what) > max || !said(what))) return;
    text.value = "";
    update();
    text.focus();
  });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    form.requestSubmit();
  });
  text.addEventListener("input", () => {
    update();
    if (text.value.trim() && !text.value.startsWith("/")) typed();
  });
}

/** Keeps what was begun in the other room, and shows what was begun in this one. */
export function turnTo(room) {
  drafts.set(topic, text.value);
  topic = room;
  text.value = drafts.get(room) ?? "";
  update();
}

function update() {
  const left = max - length(text.value.trim());
  const isLong = left < 0;
  const isNear = left < max / 5;
  setText(counter, isLong ? `${-left} characters too many` : isNear ? `${left} characters left` : "");
  counter.classList.toggle("over", isLong);
  text.setAttribute("aria-invalid", isLong);
  send.disabled = isLong || !text.value.trim();
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight + text.offsetHeight - text.clientHeight}px`;
}

/** In characters, as the server counts them. */
const length = (text) => [...text].length;
