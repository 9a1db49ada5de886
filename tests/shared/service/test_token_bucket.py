"""An action is allowed while there are tokens."""

from shared.service.token_bucket import TokenBucket


def test_tokens_are_used_up_and_refilled() -> None:
    bucket = TokenBucket(rate_per_s=2.0, capacity=3.0, updated_at=0.0)
    assert [bucket.take_token(0.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.take_token(0.5), bucket.take_token(0.5)] == [True, False]
    assert [bucket.take_token(100.0) for _ in range(4)] == [True, True, True, False]
