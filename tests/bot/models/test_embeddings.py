"""Texts become vectors, through the real client."""

import pytest

from bot.errors import ModelAnswerUnusable, ModelError, ModelRefused, NotAvailable
from bot.limits import EMBEDDING_BATCH
from tests.bot.models.asking import model_at
from tests.model_server import ModelServer, Refusing, Vectors, vector_of


@pytest.mark.parametrize("asked", ["float", "base64"])
@pytest.mark.parametrize("sent", ["float", "base64"])
async def test_texts_become_vectors_in_their_order(server: ModelServer, asked: str, sent: str) -> None:
    server.script(Vectors(encoding=sent, backwards=True))  # type: ignore[arg-type]
    model = model_at(server.base_url, embedding_model="some-embedding", embedding_encoding=asked)
    assert await model.embed(["tea", "coffee"]) == [tuple(vector_of("tea")), tuple(vector_of("coffee"))]
    await model.close()
    body = {"model": "some-embedding", "input": ["tea", "coffee"], "encoding_format": asked}
    assert server.requests[0].body == body


async def test_many_texts_take_several_calls_and_none_takes_none(server: ModelServer) -> None:
    model = model_at(server.base_url, embedding_model="some-embedding")
    texts = [f"text {number}" for number in range(EMBEDDING_BATCH * 2 + 1)]
    assert await model.embed(texts) == [tuple(vector_of(text)) for text in texts]
    assert [len(request.body["input"]) for request in server.requests] == [EMBEDDING_BATCH, EMBEDDING_BATCH, 1]
    assert await model.embed([]) == []
    assert len(server.requests) == 3
    await model.close()


async def embed_in_vain(server: ModelServer, count: int = 2, **options: str) -> ModelError:
    model = model_at(server.base_url, embedding_model="some-embedding", **options)
    with pytest.raises(ModelError) as caught:
        await model.embed(["tea"] * count)
    await model.close()
    return caught.value


async def test_a_vector_too_few_is_an_error(server: ModelServer) -> None:
    server.script(Vectors(missing=1))
    assert type(await embed_in_vain(server)) is ModelAnswerUnusable


async def test_vectors_of_other_dimensions_are_an_error_in_a_later_call_too(server: ModelServer) -> None:
    server.script(Vectors(dimensions=3), Vectors(dimensions=4))
    assert type(await embed_in_vain(server, EMBEDDING_BATCH + 1)) is ModelAnswerUnusable


async def test_no_vectors_at_all_are_an_error(server: ModelServer) -> None:
    server.script(Vectors(missing=2))
    assert type(await embed_in_vain(server)) is ModelAnswerUnusable


async def test_a_server_that_knows_no_base64_can_be_asked_for_decimals(server: ModelServer) -> None:
    server.default = Refusing("encoding_format", "base64")
    assert type(await embed_in_vain(server, embedding_encoding="base64")) is ModelRefused
    model = model_at(server.base_url, embedding_model="some-embedding")
    assert await model.embed(["tea"]) == [tuple(vector_of("tea"))]
    await model.close()


async def test_without_an_embedding_model_there_are_no_vectors(server: ModelServer) -> None:
    model = model_at(server.base_url)
    with pytest.raises(NotAvailable):
        await model.embed(["tea"])
    assert server.requests == []
