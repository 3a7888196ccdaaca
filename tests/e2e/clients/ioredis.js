import { Redis } from "ioredis";

const options = { port: Number(process.argv[1]), username: "app", password: "secret", connectionName: "scenario", protocol: Number(process.argv[2]) };
const cache = new Redis(options);
const shown = (replies) => replies.map((reply) => reply ?? "nil").join("|");
const unpacked = (replies) => replies.map(([error, reply]) => error ?? reply);

console.log("ping", await cache.ping());
console.log("miss", shown([await cache.call("MC.GET", "scenario", "What is the capital of France?")]));
await cache.call("MC.SET", "scenario", "怎么重置我的密码？", "点击“忘记密码”。");
console.log("hit", await cache.call("MC.GET", "scenario", "怎么重置我的密码？"));
await cache.call("MC.GET", "scenario").catch((error) => console.log("error", error.message));
let replies = await cache
  .pipeline()
  .call("MC.SET", "scenario", "Where is my invoice?", "On page 2.")
  .call("MC.GET", "scenario", "Where is my invoice?")
  .call("MC.GET", "scenario", "What is the capital of France?")
  .exec();
console.log("pipeline", shown(unpacked(replies)));
replies = await cache
  .multi()
  .call("MC.SET", "scenario", "Where is my order?", "On its way.")
  .call("MC.GET", "scenario", "Where is my order?")
  .exec();
console.log("exec", shown(unpacked(replies)));
const message = new Promise((received) => cache.once("message", (...parts) => received(parts)));
await cache.subscribe("news");
console.log("message", ...(await message));
await cache.unsubscribe("news");
console.log("again", await cache.ping());
await cache.quit();
