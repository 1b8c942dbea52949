"""Laws of several answers to one request, of log-probabilities, and of seeds."""

from __future__ import annotations

from llmwright.testing.endpoint_answers import AnswersContract
from llmwright.testing.http_answers import Answer
from llmwright.testing.served_model import ServedModel, choices_of


class ChoicesContract(AnswersContract):
    """Laws of what a request may ask of its answers beside their text. What is not declared is refused."""

    def test_several_answers_are_given(self, served: ServedModel) -> None:
        """With ``choices``, ``n`` answers have the indices 0 to n - 1, also in a stream; without, ``n`` is refused."""
        asked = {"max_tokens": 4, "n": 2, "temperature": 1}
        answer = served.chat(**asked)
        if not served.able.choices:
            assert_refused(answer, "n, which capabilities lacks as choices,")
            return
        assert answer.status == 200, f"n is answered with {answer.status}: {answer.body[:200]!r}"
        places = [choice.get("index") for choice in answer.json["choices"]]
        assert places == [0, 1], f"of two answers the indices are {places}"
        if served.able.streaming:
            streamed = {choice.get("index") for choice in choices_of(served.chat(**asked, stream=True))}
            assert streamed == {0, 1}, f"the pieces of two streamed answers have the indices {streamed}"

    def test_tokens_have_log_probabilities(self, served: ServedModel) -> None:
        """With ``logprobs`` each token has a log-probability and the likeliest; without, the field is refused."""
        answer = served.chat(max_tokens=4, logprobs=True, top_logprobs=2)
        if not served.able.logprobs:
            assert_refused(answer, "logprobs, which capabilities lacks,")
            return
        assert answer.status == 200, f"logprobs is answered with {answer.status}: {answer.body[:200]!r}"
        content = (answer.json["choices"][0].get("logprobs") or {}).get("content")
        assert content, "an answer with logprobs has no logprobs.content"
        for token in content:
            best = token.get("top_logprobs") or []
            assert token["logprob"] <= 0, f"a log-probability is above 0: {token}"
            assert len(best) == 2, f"top_logprobs is 2, and a token has {len(best)}"
            # The temperature is 0, so that the likeliest token is taken.
            assert token["token"] == best[0]["token"], f"the greedy token is not the likeliest: {token}"

    def test_a_seed_repeats_an_answer(self, served: ServedModel) -> None:
        """The same request with the same ``seed`` has the same answer, whatever the temperature; or it is refused."""
        answers = [served.chat(max_tokens=8, temperature=1, seed=5) for _ in range(2)]
        if answers[0].status != 200:
            assert_refused(answers[0], "seed")
            return
        texts = [answer.json["choices"][0]["message"]["content"] for answer in answers]
        assert texts[0] == texts[1], f"with one seed the answers are {texts[0]!r} and {texts[1]!r}"


def assert_refused(answer: Answer, what: str) -> None:
    """Assert that ``answer`` is an error of the client in OpenAI's shape."""
    assert 400 <= answer.status < 500, f"{what} is answered with {answer.status}: refuse it with 400"
    error = answer.json.get("error") if isinstance(answer.json, dict) else None
    assert isinstance(error, dict), f"{what}: the error is no JSON object with error: {answer.body[:80]!r}"
    assert error.get("message"), f"{what}: the error has no message: {answer.body[:80]!r}"
