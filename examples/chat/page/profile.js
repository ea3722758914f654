// Who sits at this browser: a name to show, and a secret by which the server knows the same person in several tabs.

const KEY = "zeroxide-chat";

const ADJECTIVES = ["Amber", "Brave", "Calm", "Clever", "Curious", "Gentle", "Golden", "Happy", "Kind", "Lucky", "Merry",
  "Quiet", "Quick", "Silver", "Sunny", "Witty"];
const ANIMALS = ["Badger", "Crab", "Dolphin", "Falcon", "Finch", "Fox", "Hare", "Heron", "Lynx", "Marten", "Otter", "Owl",
  "Panda", "Robin", "Seal", "Wren"];

/** @type {{ name: string, secret: string }} */
let profile = load();

export const name = () => profile.name;

/** What a connection says of itself. */
export const hello = () => ({ token: profile.secret, data: { name: profile.name } });

export function rename(name) {
  profile = { ...profile, name };
  store(profile);
}

/** Calls when another tab has changed the name. */
export function onRename(listener) {
  addEventListener("storage", ({ key, newValue }) => {
    const name = key === KEY && newValue && JSON.parse(newValue).name;
    if (!name || name === profile.name) return;
    profile.name = name;
    listener(name);
  });
}

function load() {
  try {
    const { name, secret } = JSON.parse(localStorage.getItem(KEY));
    if (name && secret) return { name, secret };
  } catch {
    // There is none, or this browser keeps nothing.
  }
  const fresh = { name: `${pick(ADJECTIVES)} ${pick(ANIMALS)}`, secret: random() };
  store(fresh);
  return fresh;
}

function store(profile) {
  try {
    localStorage.setItem(KEY, JSON.stringify(profile));
  } catch {
    // Then it is for this visit alone.
  }
}

/** A text that nobody guesses. `randomUUID` is there for https and localhost alone. */
export function random() {
  return Array.from(crypto.getRandomValues(new Uint32Array(4)), (part) => part.toString(36)).join("");
}

function pick(list) {
  return list[Math.floor(Math.random() * list.length)];
}
