// Who is in the room in view, and with how many devices.

import { $, make } from "./dom.js";
import { hue, initials } from "./entry.js";

let shown = "";

/** @param {import("./tab.js").Tab} tab */
export function show(tab) {
  const people = tab.people();
  const state = JSON.stringify([tab.topic, people]);
  if (state === shown) return;
  shown = state;
  $("people").replaceChildren(...people.map(({ name, devices, plain, own }) => {
    const avatar = make("span", { className: "avatar", ariaHidden: "true" }, initials(name));
    avatar.style.setProperty("--hue", hue(name));
    const what = [own && "you", plain && "terminal", devices > 1 && `${devices} devices`].filter(Boolean).join(" · ");
    return make("li", {}, avatar, make("span", { className: "name", dir: "auto" }, name), make("span", { className: "what" }, what));
  }));
}
