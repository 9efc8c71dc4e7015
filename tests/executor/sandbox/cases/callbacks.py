"""Functions of the test that the program calls, also from threads and coroutines."""

from __future__ import annotations

from tests.executor.sandbox.cases.case import block_case

CASES = [
    block_case(
        "a callback",
        """
        def f(g, xs):
            return [g(x) for x in xs]
        """,
        """
        assert f(lambda x: x + 1, [1, 2]) == [2, 3]
        assert f(str, [1]) == ['1']
        assert f(len, ['ab']) == [2]
        """,
    ),
    block_case(
        "a callback that records",
        """
        def f(g):
            g(1)
            g(x=2)
        """,
        """
        seen = []
        def note(*a, **k):
            seen.append((a, k))
        f(note)
        assert seen == [((1,), {}), ((), {'x': 2})]
        """,
    ),
    block_case(
        "a callback that raises",
        """
        def f(g):
            try:
                return g()
            except KeyError as error:
                return error.args[0]
        """,
        """
        def g():
            raise KeyError('k')
        def h():
            raise ValueError('v')
        assert f(g) == 'k'
        try:
            f(h)
            assert False
        except ValueError as error:
            assert str(error) == 'v'
        """,
    ),
    block_case(
        "callbacks in turns",
        """
        def f(g, n):
            return n if n == 0 else g(f, n - 1)
        """,
        """
        def g(h, n):
            return h(g, n) + 1
        assert f(g, 5) == 5
        """,
    ),
    block_case(
        "a sort key",
        """
        def f(xs, key):
            return sorted(xs, key=key)
        """,
        """
        assert f(['bb', 'a'], len) == ['a', 'bb']
        assert f([1, 2], lambda x: -x) == [2, 1]
        """,
    ),
    block_case(
        "a mock",
        """
        def f(service):
            service.send('x', n=1)
            return service.get()
        """,
        """
        from unittest.mock import Mock
        m = Mock()
        m.get.return_value = 7
        assert f(m) == 7
        m.send.assert_called_once_with('x', n=1)
        """,
    ),
    block_case(
        "a coroutine",
        """
        import asyncio
        async def f(x):
            await asyncio.sleep(0)
            return x + 1
        """,
        """
        import asyncio
        assert asyncio.run(f(1)) == 2
        async def main():
            return await asyncio.gather(f(1), f(2))
        assert asyncio.run(main()) == [2, 3]
        assert asyncio.iscoroutinefunction(f)
        """,
    ),
    block_case(
        "a coroutine that raises",
        """
        async def f(x):
            raise ValueError('x')
        """,
        """
        import asyncio
        try:
            asyncio.run(f(1))
            assert False
        except ValueError:
            pass
        """,
    ),
    block_case(
        "an asynchronous generator",
        """
        async def f(n):
            for i in range(n):
                yield i
        """,
        """
        import asyncio
        async def main():
            return [x async for x in f(3)]
        assert asyncio.run(main()) == [0, 1, 2]
        """,
    ),
    block_case(
        "an asynchronous callback",
        """
        async def f(g):
            return await g(2) + 1
        """,
        """
        import asyncio
        async def g(x):
            await asyncio.sleep(0)
            return x * 2
        assert asyncio.run(f(g)) == 5
        """,
    ),
    block_case(
        "event emitter",
        """
        class E:
            def __init__(self): self.h = {}
            def on(self, n, cb): self.h.setdefault(n, []).append(cb)
            def emit(self, n, *a): return [cb(*a) for cb in self.h.get(n, [])]
        """,
        """
        e = E()
        out = []
        e.on('x', out.append)
        e.on('x', lambda v: v * 2)
        assert e.emit('x', 4) == [None, 8] and out == [4]
        """,
    ),
    block_case(
        "thread",
        """
        import threading
        def f(cb):
            t = threading.Thread(target=cb)
            t.start()
            t.join()
        """,
        """
        out = []
        f(lambda: out.append(1))
        assert out == [1]
        """,
    ),
    block_case(
        "pool callbacks",
        """
        from concurrent.futures import ThreadPoolExecutor
        def f(g, xs):
            with ThreadPoolExecutor(2) as p: return list(p.map(g, xs))
        """,
        """
        assert f(lambda x: x * 2, range(20)) == [x * 2 for x in range(20)]
        """,
    ),
    block_case(
        "future",
        """
        from concurrent.futures import ThreadPoolExecutor
        def f():
            p = ThreadPoolExecutor(1)
            return p.submit(lambda: 5)
        """,
        """
        assert f().result() == 5
        """,
    ),
    block_case(
        "async class",
        """
        class A:
            async def get(self): return 3
            async def __aenter__(self): return self
            async def __aexit__(self, *a): self.done = True
            def __aiter__(self):
                self.i = 0
                return self
            async def __anext__(self):
                self.i += 1
                if self.i > 2: raise StopAsyncIteration
                return self.i
        """,
        """
        import asyncio
        async def main():
            async with A() as a:
                assert await a.get() == 3
            assert a.done
            return [x async for x in A()]
        assert asyncio.run(main()) == [1, 2]
        """,
    ),
    block_case(
        "async task",
        """
        import asyncio
        async def f(n):
            async def w(i):
                await asyncio.sleep(0.001)
                return i
            return await asyncio.gather(*[w(i) for i in range(n)])
        """,
        """
        import asyncio
        assert asyncio.run(f(3)) == [0,1,2]
        assert asyncio.get_event_loop_policy() is not None
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(f(1)) == [0]
        """,
    ),
]
