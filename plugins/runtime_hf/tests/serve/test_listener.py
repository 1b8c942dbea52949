"""The listening socket, and the connections that asyncio accepts from it."""

from __future__ import annotations

import asyncio
import socket

import pytest

from llmwright_runtime_hf.serve.listener import bind


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_small_pieces_of_an_answer_are_sent_at_once(host: str) -> None:
    async def no_delay() -> int:
        accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def connected(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            accepted.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        with bind(host, 0) as listener:
            async with await asyncio.start_server(connected, sock=listener):
                _, writer = await asyncio.open_connection(*listener.getsockname()[:2])
                option = await accepted
                writer.close()
        return option

    assert asyncio.run(no_delay()) == 1
