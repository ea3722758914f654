import { Hub } from "./hub.js";

const hub = new Hub(`${location.origin.replace("http", "ws")}/ws`);
hub.on("state", ({ state, why }) => console.log(state, why?.message));

const lobby = hub.join("lobby", { history: 50 });
lobby.on("message", ({ from, data }) => console.log(from?.user, data));
lobby.on("recovered", ({ count }) => console.log(`recovered ${count} messages`));
await lobby.publish({ text: "hello" }); // has its place in the room's order
