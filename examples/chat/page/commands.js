// What begins with a slash.

/** @type {Record<string, [usage: string, what: string]>} */
const COMMANDS = {
  nick: ["/nick NAME", "changes your name"],
  me: ["/me TEXT", "says what you do"],
  who: ["/who", "tells who is here"],
  join: ["/join ROOM", "goes to a room"],
  leave: ["/leave", "leaves this room"],
  help: ["/help", "shows this"],
};

/**
 * Reads what was typed: a text to say, a command with its rest, or what is wrong with it.
 *
 * @param {string} typed
 * @returns {{ say: string } | { command: string, rest: string } | { wrong: string }}
 */
export function parse(typed) {
  const text = typed.trim();
  if (text.startsWith("//")) return { say: text.slice(1) }; // for a text that begins with a slash
  const [, command, rest] = /^\/(\S*)\s*(.*)$/s.exec(text) ?? [];
  if (command === undefined) return { say: text };
  const name = command.toLowerCase();
  if (!Object.hasOwn(COMMANDS, name)) {
    return { wrong: `There is no /${command}. Try /help, or type // for a text that begins with a slash.` };
  }
  if (!rest && /[A-Z]$/.test(COMMANDS[name][0])) return { wrong: `It is ${COMMANDS[name][0]}: it ${COMMANDS[name][1]}.` };
  return { command: name, rest: rest.trim() };
}

export const help = () => Object.values(COMMANDS).map(([usage, what]) => `${usage} ${what}`).join(" · ");
