"""valkey-glide: answer from the cache, or ask the model and store what it says. Run: python ask.py [port]"""

import asyncio
import sys

from glide import GlideClient, GlideClientConfiguration, NodeAddress


async def ask_llm(question: str) -> str:
    """Stands for the call of your model."""
    return f"(the model's answer to: {question})"


async def answer(cache: GlideClient, question: str) -> str:
    cached = await cache.custom_command(["MC.GET", "gpt-4", question])
    if cached is not None:
        return cached.decode()
    fresh = await ask_llm(question)
    await cache.custom_command(["MC.SET", "gpt-4", question, fresh, "EX", "86400"])
    return fresh


async def main(port: int) -> None:
    cache = await GlideClient.create(GlideClientConfiguration([NodeAddress("127.0.0.1", port)]))
    print("asked :", await answer(cache, "How do I reset my password?"))
    print("cached:", await answer(cache, "how can I reset my password"))
    await cache.close()


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 6380))
