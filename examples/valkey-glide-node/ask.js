// valkey-glide: answer from the cache, or ask the model and store what it says. Run: npm ci && node ask.js [port]
import { GlideClient } from "@valkey/valkey-glide";

const cache = await GlideClient.createClient({ addresses: [{ host: "127.0.0.1", port: Number(process.argv[2] ?? 6380) }] });

// Stands for the call of your model.
const askLlm = async (question) => `(the model's answer to: ${question})`;

async function answer(question) {
  const cached = await cache.customCommand(["MC.GET", "gpt-4", question]);
  if (cached !== null) return cached;
  const fresh = await askLlm(question);
  await cache.customCommand(["MC.SET", "gpt-4", question, fresh, "EX", "86400"]);
  return fresh;
}

console.log("asked :", await answer("How do I reset my password?"));
console.log("cached:", await answer("how can I reset my password"));
cache.close();
