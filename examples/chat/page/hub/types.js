// The types of hub.js and room.js; no code. What goes over the line is named as in the protocol.

/**
 * Why something ended or was refused.
 *
 * @typedef {object} Why
 * @property {string} code one of the protocol's; or our own: `timeout`, `cut`, `closed`, `left`, `hello`, `too_many`; or the
 *   transport's, such as `1006`
 * @property {string} [message] for people
 * @property {number} [retry_after_ms] not to be tried again before that
 */

/** @typedef {{ offset: number, epoch: string }} Position where in a room's order */

/** @typedef {{ user: string, devices: number, info?: any }} User */

/** @typedef {{ position: Position, duplicate?: boolean }} Receipt the place of what was published */

/**
 * @typedef {object} Message
 * @property {string} topic
 * @property {number} offset
 * @property {{ client: string, user?: string, info?: any }} [from] absent if the server itself says it
 * @property {number} at milliseconds since 1970, by the server's clock
 * @property {any} data
 * @property {string} [key] the one that it was published with
 * @property {boolean} [replayed] it was said before the last join
 */

/** @typedef {{ token?: string, data?: any }} Hello what a connection says of itself */

/** @typedef {"connecting" | "connected" | "waiting" | "closed"} State */

/**
 * @typedef {object} HubEvents
 * @property {{ state: State, why?: Why, delayMs?: number }} state `why` the connection ended; once connected, why the server
 *   had ended the last one
 * @property {number} latency of a ping, in milliseconds
 * @property {{ data: any, at: number }} direct the server says something to this client or user
 * @property {Why} error something was refused that nobody waits for
 */

/**
 * @typedef {object} RoomEvents
 * @property {{ position: Position }} joined
 * @property {Message} message each once, in the room's order
 * @property {{ joined: User[], changed: User[], left: string[] }} presence `users` has changed
 * @property {{ count: number }} recovered all that was said meanwhile has come: so many messages
 * @property {{ lost?: number }} insufficient some of it is gone: this many places at most, if that can be known
 * @property {{ from: number, to: number }} gap the client was too slow for what had these places
 * @property {Why} left the room is over, until it is joined anew
 */

export {};
