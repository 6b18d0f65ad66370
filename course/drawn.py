"""The practice page for a student: boxes with hashes, and no solution of what is drawn."""

import json
import re
from typing import Any

from course.boxes import hashed

SOLUTION = re.compile(r'(?s)<details class="solution".*?</details>')
TOPIC = re.compile(
    r'(?s)(<div class="practice" data-topic="(\w+)".*?class="instances">)(.*?)(?=</script>)'
)
NAME = re.compile(r"\{\(?(\w+)\)?\}")


def without_solutions(body: str) -> str:
    """Return the body of the practice page without solutions and values of answers."""
    return TOPIC.sub(_topic, SOLUTION.sub("", body))


def _topic(match: re.Match[str]) -> str:
    topic, data = match[2], json.loads(match[3])
    data["inside"] = SOLUTION.sub("", data["inside"])
    for ask in data["asks"].values():
        ask["lines"] = ""
    boxes = {
        f"{topic} {n}": _as_box(each, data["digits"]) for n, each in enumerate(data["instances"])
    }
    hashed(boxes)
    for instance, box in zip(data["instances"], boxes.values(), strict=True):
        ask, numbers, _, mistakes, conventions = instance
        seen = {
            *NAME.findall(data["inside"] + data["asks"][ask]["ask"] + data["asks"][ask]["hint"])
        }
        shown = zip(data["names"], numbers.split(" "), strict=True)
        kept = " ".join(number if name in seen else "?" for name, number in shown)
        made, other = (
            [[n, entry["values"][0]] for (n, _), entry in zip(told, box[kind], strict=True)]
            for told, kind in ((mistakes, "mistakes"), (conventions, "conventions"))
        )
        hashes = {key: box[key] for key in ("salt", "cut")}
        instance[:] = [ask, kept, box["right"][0], made, other, hashes]
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return match[1] + text.replace("<", "\\u003c")


def _as_box(instance: list[Any], digits: int) -> dict[str, Any]:
    """Return an instance as the data of a box."""
    _, _, right, mistakes, conventions = instance
    return {
        "symbols": [], "digits": digits, "right": [right], "difference": [], "atKink": [],
        "mistakes": [{"values": [value]} for _, value in mistakes],
        "conventions": [{"values": [value]} for _, value in conventions],
    }  # fmt: skip
