import { Batch, GlideClient, GlideClientConfiguration, Logger } from "@valkey/valkey-glide";

Logger.init("off");
const options = {
  addresses: [{ host: "127.0.0.1", port: Number(process.argv[1]) }],
  credentials: { username: "app", password: "secret" },
  clientName: "scenario",
  requestTimeout: 30_000,
};
const cache = await GlideClient.createClient(options);
const shown = (replies) => replies.map((reply) => reply ?? "nil").join("|");

console.log("ping", await cache.ping());
console.log("miss", shown([await cache.customCommand(["MC.GET", "scenario", "What is the capital of France?"])]));
await cache.customCommand(["MC.SET", "scenario", "怎么重置我的密码？", "点击“忘记密码”。"]);
console.log("hit", await cache.customCommand(["MC.GET", "scenario", "怎么重置我的密码？"]));
await cache.customCommand(["MC.GET", "scenario"]).catch((error) => console.log("error", error.message.replace(/^.*ResponseError:/, "ERR")));
const pipeline = new Batch(false)
  .customCommand(["MC.SET", "scenario", "Where is my invoice?", "On page 2."])
  .customCommand(["MC.GET", "scenario", "Where is my invoice?"])
  .customCommand(["MC.GET", "scenario", "What is the capital of France?"]);
console.log("pipeline", shown(await cache.exec(pipeline, true)));
const transaction = new Batch(true)
  .customCommand(["MC.SET", "scenario", "Where is my order?", "On its way."])
  .customCommand(["MC.GET", "scenario", "Where is my order?"]);
console.log("exec", shown(await cache.exec(transaction, true)));
const channelsAndPatterns = { [GlideClientConfiguration.PubSubChannelModes.Exact]: new Set(["news"]) };
const subscriber = await GlideClient.createClient({ ...options, pubsubSubscriptions: { channelsAndPatterns } });
const { channel, message } = await subscriber.getPubSubMessage();
console.log("message", channel, message);
subscriber.close();
console.log("again", await cache.ping());
cache.close();
