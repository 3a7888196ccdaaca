// node-redis: answer from the cache, or ask the model and store what it says. Run: npm ci && node ask.js [port]
import { createClient } from "redis";

const cache = await createClient({ socket: { port: Number(process.argv[2] ?? 6380) } }).connect();

// Stands for the call of your model.
const askLlm = async (question) => `(the model's answer to: ${question})`;

async function answer(question) {
  const cached = await cache.sendCommand(["MC.GET", "gpt-4", question]);
  if (cached !== null) return cached;
  const fresh = await askLlm(question);
  await cache.sendCommand(["MC.SET", "gpt-4", question, fresh, "EX", "86400"]);
  return fresh;
}

console.log("asked :", await answer("How do I reset my password?"));
console.log("cached:", await answer("how can I reset my password"));
await cache.close();
