"""valkey-py: answer from the cache, or ask the model and store what it says. Run: python ask.py [port]"""

import sys

import valkey


def ask_llm(question: str) -> str:
    """Stands for the call of your model."""
    return f"(the model's answer to: {question})"


def answer(cache: valkey.Valkey, question: str) -> str:
    cached = cache.execute_command("MC.GET", "gpt-4", question)
    if cached is not None:
        return cached
    fresh = ask_llm(question)
    cache.execute_command("MC.SET", "gpt-4", question, fresh, "EX", 86400)
    return fresh


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 6380
    with valkey.Valkey(port=port, decode_responses=True) as cache:
        print("asked :", answer(cache, "How do I reset my password?"))
        print("cached:", answer(cache, "how can I reset my password"))
