// ioredis: answer from the cache, or ask the model and store what it says. Run: npm ci && node ask.js [port]
import { Redis } from "ioredis";

const cache = new Redis(Number(process.argv[2] ?? 6380));

// Stands for the call of your model.
const askLlm = async (question) => `(the model's answer to: ${question})`;

async function answer(question) {
  const cached = await cache.call("MC.GET", "gpt-4", question);
  if (cached !== null) return cached;
  const fresh = await askLlm(question);
  await cache.call("MC.SET", "gpt-4", question, fresh, "EX", 86400);
  return fresh;
}

console.log("asked :", await answer("How do I reset my password?"));
console.log("cached:", await answer("how can I reset my password"));
await cache.quit();
