import { createClient } from "redis";

const RESP = Number(process.argv[2]);
const options = { socket: { port: Number(process.argv[1]) }, username: "app", password: "secret", name: "scenario", RESP };
const cache = await createClient(options).connect();
const shown = (replies) => replies.map((reply) => reply ?? "nil").join("|");

console.log("ping", await cache.ping());
console.log("miss", shown([await cache.sendCommand(["MC.GET", "scenario", "What is the capital of France?"])]));
await cache.sendCommand(["MC.SET", "scenario", "怎么重置我的密码？", "点击“忘记密码”。"]);
console.log("hit", await cache.sendCommand(["MC.GET", "scenario", "怎么重置我的密码？"]));
await cache.sendCommand(["MC.GET", "scenario"]).catch((error) => console.log("error", error.message));
// Sent in one write: node-redis pipelines what is asked for in the same tick.
let replies = await Promise.all([
  cache.sendCommand(["MC.SET", "scenario", "Where is my invoice?", "On page 2."]),
  cache.sendCommand(["MC.GET", "scenario", "Where is my invoice?"]),
  cache.sendCommand(["MC.GET", "scenario", "What is the capital of France?"]),
]);
console.log("pipeline", shown(replies));
replies = await cache
  .multi()
  .addCommand(["MC.SET", "scenario", "Where is my order?", "On its way."])
  .addCommand(["MC.GET", "scenario", "Where is my order?"])
  .exec();
console.log("exec", shown(replies));
const subscriber = await cache.duplicate().connect();
const message = new Promise((received) => subscriber.subscribe("news", (text, channel) => received([channel, text])));
console.log("message", ...(await message));
await subscriber.unsubscribe("news");
console.log("again", String(await subscriber.ping()));
subscriber.destroy();
await cache.close();
