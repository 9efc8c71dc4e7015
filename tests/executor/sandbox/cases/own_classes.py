"""Objects of the program's own classes: attributes, methods, comparison, copies."""

from __future__ import annotations

from tests.executor.sandbox.cases.case import block_case

STACK = """
class Stack:
    def __init__(self, items=()):
        self.items = list(items)
    def push(self, item):
        self.items.append(item)
        return self
    def pop(self):
        if not self.items:
            raise IndexError('pop from an empty stack')
        return self.items.pop()
    def __len__(self):
        return len(self.items)
    def __iter__(self):
        return iter(self.items)
    def __getitem__(self, index):
        return self.items[index]
    def __setitem__(self, index, item):
        self.items[index] = item
    def __contains__(self, item):
        return item in self.items
    def __eq__(self, other):
        return isinstance(other, Stack) and self.items == other.items
    def __str__(self):
        return 'Stack of %d' % len(self.items)
    def __repr__(self):
        return 'Stack(%r)' % self.items
    def __bool__(self):
        return bool(self.items)
"""
VECTOR = """
class Vector:
    def __init__(self, x, y):
        self.x, self.y = x, y
    def __add__(self, other):
        return Vector(self.x + other.x, self.y + other.y)
    def __mul__(self, factor):
        return Vector(self.x * factor, self.y * factor)
    __rmul__ = __mul__
    def __neg__(self):
        return Vector(-self.x, -self.y)
    def __abs__(self):
        return (self.x ** 2 + self.y ** 2) ** 0.5
    def __eq__(self, other):
        return (self.x, self.y) == (other.x, other.y)
    def __lt__(self, other):
        return (self.x, self.y) < (other.x, other.y)
    def __hash__(self):
        return hash((self.x, self.y))
    @property
    def length(self):
        return abs(self)
    @classmethod
    def zero(cls):
        return cls(0, 0)
    @staticmethod
    def dimensions():
        return 2
"""
CASES = [
    block_case(
        "length, items, in, iteration",
        STACK,
        """
        s = Stack()
        s.push(1)
        s.push(2)
        assert len(s) == 2 and s[0] == 1 and s[-1] == 2
        assert 1 in s
        assert 7 not in s
        assert list(s) == [1, 2]
        assert [x + 1 for x in s] == [2, 3]
        s[0] = 5
        assert s.items == [5, 2]
        """,
    ),
    block_case(
        "str and repr",
        STACK,
        """
        s = Stack([1])
        assert str(s) == 'Stack of 1'
        assert repr(s) == 'Stack([1])'
        assert f'{s}' == 'Stack of 1'
        assert f'{s!r}' == 'Stack([1])'
        """,
    ),
    block_case(
        "truth",
        STACK,
        """
        assert Stack([1])
        assert not Stack()
        assert bool(Stack([0])) is True
        """,
    ),
    block_case(
        "comparison of two",
        STACK,
        """
        assert Stack([1]) == Stack([1])
        assert Stack([1]) != Stack([2])
        assert Stack([1]) is not Stack([1])
        """,
    ),
    block_case(
        "wrong length",
        STACK,
        """
        assert len(Stack([1])) == 2
        """,
    ),
    block_case(
        "a chain of calls",
        STACK,
        """
        assert Stack().push(1).push(2).pop() == 2
        """,
    ),
    block_case(
        "an exception of a method",
        STACK,
        """
        try:
            Stack().pop()
            assert False
        except IndexError as error:
            assert str(error) == 'pop from an empty stack'
        """,
    ),
    block_case(
        "attributes",
        STACK,
        """
        s = Stack()
        s.items.append(3)
        assert s.pop() == 3
        s.extra = 5
        assert s.extra == 5 and hasattr(s, 'push') and not hasattr(s, 'peek')
        assert getattr(s, 'peek', 1) == 1
        assert isinstance(s, Stack) and type(s) is Stack and type(s).__name__ == 'Stack'
        assert callable(s.push) and not callable(s)
        """,
    ),
    block_case(
        "arithmetic",
        VECTOR,
        """
        v = Vector(1, 2) + Vector(3, 4)
        assert (v.x, v.y) == (4, 6)
        assert abs(Vector(3, 4)) == 5
        assert (Vector(1, 2) * 3).y == 6 and (2 * Vector(1, 2)).x == 2
        assert (-Vector(1, 2)).x == -1
        v += Vector(1, 1)
        assert v.x == 5
        """,
    ),
    block_case(
        "comparison after arithmetic",
        VECTOR,
        """
        assert Vector(1, 2) + Vector(1, 1) == Vector(2, 3)
        assert Vector(1, 2) < Vector(2, 0)
        assert sorted([Vector(2, 0), Vector(1, 0)])[0].x == 1
        assert max(Vector(2, 0), Vector(1, 0)).x == 2
        """,
    ),
    block_case(
        "hash",
        VECTOR,
        """
        assert len({Vector(1, 2), Vector(1, 2), Vector(2, 2)}) == 2
        d = {Vector(1, 2): 'a'}
        assert d[Vector(1, 2)] == 'a'
        """,
    ),
    block_case(
        "properties, class and static methods",
        VECTOR,
        """
        assert Vector(3, 4).length == 5
        assert Vector.zero().x == 0
        assert Vector.dimensions() == 2
        """,
    ),
    block_case(
        "not comparable",
        VECTOR,
        """
        assert Vector(1, 2) > 3
        """,
    ),
    block_case(
        "inheritance",
        """
        class A:
            def name(self):
                return 'a'
        class B(A):
            pass
        def f():
            return B()
        """,
        """
        assert isinstance(f(), A) and issubclass(B, A) and f().name() == 'a'
        assert not isinstance(f(), int)
        """,
    ),
    block_case(
        "an object comes back",
        """
        class A:
            pass
        def f():
            return A()
        def g(a):
            return a
        """,
        """
        a = f()
        assert g(a) is a
        assert g([a])[0] is a
        a.x = [1]
        assert g(a).x == [1]
        """,
    ),
    block_case(
        "a context manager",
        """
        import contextlib
        @contextlib.contextmanager
        def f(log):
            log.append('in')
            yield 5
            log.append('out')
        """,
        """
        log = []
        with f(log) as x:
            assert x == 5 and log == ['in']
        assert log == ['in', 'out']
        """,
    ),
    block_case(
        "linked nodes",
        """
        class Node:
            def __init__(self, v, next=None):
                self.v, self.next = v, next
        def f(a):
            head = None
            for v in reversed(a):
                head = Node(v, head)
            return head
        """,
        """
        n = f([1, 2])
        assert n.v == 1 and n.next.v == 2 and n.next.next is None
        n.next = Node(9)
        assert n.next.v == 9
        """,
    ),
    block_case(
        "copies",
        """
        class A:
            def __init__(self):
                self.a = [1]
        """,
        """
        import copy
        a = A()
        b, c = copy.copy(a), copy.deepcopy(a)
        a.a.append(2)
        assert b.a == [1, 2] and c.a == [1]
        """,
    ),
    block_case(
        "equality of the program's own class",
        """
        class Celsius:
            def __init__(self, t):
                self.t = t
            def __eq__(self, other):
                return self.t == other.t
        def f(t):
            return Celsius(t)
        """,
        """
        assert f(3) == f(3) and f(3) != f(4)
        assert f(3).t == 3
        """,
    ),
    block_case(
        "a container in its only attribute",
        """
        class Bag:
            def __init__(self):
                self.items = set()
            def add(self, x):
                self.items.add(x)
            def __contains__(self, x):
                return x in self.items
        """,
        """
        b = Bag()
        b.add(3)
        assert 3 in b and 4 not in b
        """,
    ),
    block_case(
        "vars and dir",
        """
        class A:
            def __init__(self):
                self.a = 1
        """,
        """
        assert vars(A()) == {'a': 1}
        assert 'a' in dir(A())
        """,
    ),
    block_case(
        "class registry",
        """
        REG = {}
        def register(fn):
            REG[fn.__name__] = fn
            return fn
        """,
        """
        @register
        def hello(): return 'hi'
        assert REG['hello'] is hello and REG['hello']() == 'hi'
        """,
    ),
    block_case(
        "print of object",
        """
        class A:
            def __str__(self): return 'AA'
        def f(): return A()
        """,
        """
        import io, contextlib
        o = io.StringIO()
        with contextlib.redirect_stdout(o):
            print(f(), end='')
        assert o.getvalue() == 'AA' and '%s' % f() == 'AA' and '{}'.format(f()) == 'AA'
        """,
    ),
    block_case(
        "a class that the test derives",
        """
        class Base:
            kind = 'base'
            def __init__(self, n=1):
                self.n = n
            def hi(self):
                return self.kind + ' ' + self.name() + str(self.n)
            def name(self):
                raise NotImplementedError
        """,
        """
        class Child(Base):
            kind = 'child'
            def name(self):
                return 'c' * self.n
        assert Child(2).hi() == 'child cc2'
        assert isinstance(Child(), Base) and issubclass(Child, Base) and Child.__name__ == 'Child'
        try:
            Base().hi()
            assert False
        except NotImplementedError:
            pass
        """,
    ),
]
