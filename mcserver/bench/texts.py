"""Short natural questions in English and Chinese, made from templates: the same ones in every run, thousands of them, no two alike."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, islice, product, zip_longest


@dataclass(frozen=True, slots=True)
class Topic:
    """Actions that go with every one of the objects."""

    actions: tuple[str, ...]
    objects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Language:
    """Topics, circumstances and phrasings; the first phrasing is the one that is stored, the others ask the same in other words."""

    topics: tuple[Topic, ...]
    circumstances: tuple[str, ...]
    phrasings: tuple[str, ...]

    def questions(self) -> Iterator["Question"]:
        """Every combination, in a fixed order."""
        for topic in self.topics:
            for action, thing, circumstance in product(topic.actions, topic.objects, self.circumstances):
                texts = tuple(phrasing.format(act=action, obj=thing, when=circumstance) for phrasing in self.phrasings)
                yield Question(texts[0], texts[1:])


@dataclass(frozen=True, slots=True)
class Question:
    """A text to store and other wordings of it."""

    stored: str
    reworded: tuple[str, ...]

    @property
    def answer(self) -> str:
        """An answer of about 300 characters that belongs to this question alone."""
        return f"About “{self.stored}”: " + ANSWER


ANSWER = (
    "open the settings, choose the matching entry and follow the three steps shown there. The change takes effect at once and a "
    "confirmation is sent to you; if it does not arrive within ten minutes, check the spam folder or write to support with your number."
)

ENGLISH = Language(
    topics=(
        Topic(
            ("reset", "change", "recover", "confirm", "hide", "remove"),
            ("my password", "my email address", "my phone number", "my user name", "the security question", "my recovery code"),
        ),
        Topic(
            ("cancel", "renew", "pause", "upgrade", "share", "transfer"),
            ("my subscription", "the family plan", "the trial period", "my membership", "the data package", "the storage plan"),
        ),
        Topic(
            ("track", "return", "cancel", "reorder", "insure", "split"),
            ("my order", "a parcel", "a gift order", "an international delivery", "a pre-ordered book", "a damaged item"),
        ),
        Topic(
            ("download", "correct", "pay", "print", "dispute", "forward"),
            ("an invoice", "last month's bill", "the tax receipt", "a credit note", "the annual statement", "a late fee notice"),
        ),
        Topic(
            ("connect", "restart", "update", "unlink", "rename", "back up"),
            ("my printer", "the smart watch", "the home router", "a wireless speaker", "the security camera", "my old tablet"),
        ),
        Topic(
            ("book", "move", "cancel", "confirm", "extend", "pay for"),
            ("a doctor's appointment", "a hotel room", "a train seat", "the airport transfer", "a rental car", "a restaurant table"),
        ),
    ),
    circumstances=(
        "",
        " on my phone",
        " in the web app",
        " without calling support",
        " while I am abroad",
        " for a business account",
        " on a shared computer",
        " outside office hours",
        " for a family member",
        " a second time",
    ),
    phrasings=(
        "How do I {act} {obj}{when}?",
        "What is the way to {act} {obj}{when}?",
        "Can you tell me how to {act} {obj}{when}?",
        "I want to {act} {obj}{when}, how does that work?",
        "Which steps do I follow to {act} {obj}{when}?",
        "Please explain how I can {act} {obj}{when}.",
        "how can i {act} {obj}{when}",
        "Is it possible to {act} {obj}{when}, and how?",
    ),
)

CHINESE = Language(
    topics=(
        Topic(
            ("重置", "修改", "找回", "验证", "隐藏", "删除"),
            ("登录密码", "绑定的邮箱", "手机号码", "用户名", "密保问题", "支付密码"),
        ),
        Topic(
            ("取消", "续费", "暂停", "升级", "共享", "转让"),
            ("会员", "家庭套餐", "流量包", "云存储空间", "视频年卡", "音乐订阅"),
        ),
        Topic(
            ("查询", "退掉", "取消", "重新下", "拆分", "催一下"),
            ("我的订单", "礼品订单", "海外订单", "预售订单", "生鲜订单", "昨天的订单"),
        ),
        Topic(
            ("下载", "更正", "补开", "打印", "查看", "转发"),
            ("电子发票", "上个月的账单", "完税证明", "年度对账单", "付款凭证", "收费明细"),
        ),
        Topic(
            ("连接", "重启", "升级", "解绑", "改名", "备份"),
            ("打印机", "智能手表", "家里的路由器", "蓝牙音箱", "监控摄像头", "旧平板电脑"),
        ),
        Topic(
            ("预约", "改期", "取消", "确认", "延长", "支付"),
            ("专家门诊", "酒店房间", "火车座位", "接机服务", "租车", "餐厅包间"),
        ),
    ),
    circumstances=(
        "",
        "在手机上",
        "在网页版里",
        "不打客服电话",
        "人在国外",
        "用企业账号",
        "在公用电脑上",
        "下班时间",
        "帮家人",
        "第二次",
    ),
    phrasings=(
        "{when}怎么{act}{obj}?",
        "请问{when}如何{act}{obj}",
        "我想{when}{act}{obj},该怎么操作?",
        "{when}{act}{obj}的步骤是什么?",
        "{when}{act}{obj}要怎么弄",
        "能告诉我{when}怎样{act}{obj}吗?",
        "{when}可以{act}{obj}吗?怎么做?",
        "{when}{act}{obj}的方法有哪些?",
    ),
)


class Texts:
    """Questions to store, and wordings and further questions to ask, each handed out once, English and Chinese by turns.

    `answers` has the answer that belongs to each wording. Many questions differ in one word (cancel, renew): harder than most traffic.
    """

    def __init__(self, stored: int, *, seed: int = 1) -> None:
        questions = _shuffled_by_turns(seed)
        if stored >= len(questions):
            raise ValueError(f"{stored} stored questions were asked for, there are {len(questions)}")
        self.stored = questions[:stored]
        self.answers = {text: question.answer for question in self.stored for text in question.reworded}
        wordings = list(self.answers)
        random.Random(seed).shuffle(wordings)  # noqa: S311 - the same order in every run is the point
        self._reworded = iter(wordings)
        self._fresh = iter([question.stored for question in questions[stored:]])

    def reworded(self, count: int) -> list[str]:
        """The next `count` wordings of stored questions, none given before. Raises ValueError when they run out."""
        return _take(self._reworded, count)

    def fresh(self, count: int) -> list[str]:
        """The next `count` questions that are not stored, none given before. Raises ValueError when they run out."""
        return _take(self._fresh, count)


def _take(texts: Iterator[str], count: int) -> list[str]:
    taken = list(islice(texts, count))
    if len(taken) < count:
        raise ValueError(f"{count} more texts were asked for, {len(taken)} were left: store more questions or take fewer rounds")
    return taken


def _shuffled_by_turns(seed: int) -> list[Question]:
    rng = random.Random(seed)  # noqa: S311 - the same order in every run is the point
    english, chinese = list(ENGLISH.questions()), list(CHINESE.questions())
    rng.shuffle(english)
    rng.shuffle(chinese)
    return [question for question in chain.from_iterable(zip_longest(english, chinese)) if question is not None]
