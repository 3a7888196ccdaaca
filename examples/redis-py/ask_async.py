"""redis-py with asyncio: many questions at once share one batch of the embedding model. Run: python ask_async.py [port]"""

import asyncio
import sys

import redis.asyncio as redis

QUESTIONS = ["怎么重置我的密码？", "How do I cancel my order?", "Where is my invoice?"]


async def main(port: int) -> None:
    async with redis.Redis(port=port, decode_responses=True) as cache:
        async with cache.pipeline(transaction=False) as pipe:
            for number, question in enumerate(QUESTIONS):
                pipe.execute_command("MC.SET", "qwen", question, f"answer {number}", "TAGS", 1, "faq")
            await pipe.execute()
        asked = ["如何重置我的密码？", "How can I cancel my order?", "What is the capital of France?"]
        for question, answer in zip(asked, await cache.execute_command("MC.MGET", "qwen", len(asked), *asked), strict=True):
            print(f"{question} -> {answer}")


asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 6380))
