"""LaTeX sources of equations, well-known and random, that both matplotlib's mathtext and LaTeX can set."""

from seedream_core.randomness import Rng

# Source, English name, Chinese name
KNOWN = (
    (r"a^2 + b^2 = c^2", "Pythagorean theorem", "勾股定理"),
    (r"E = m c^2", "mass-energy equivalence", "质能方程"),
    (r"x = \frac{-b \pm \sqrt{b^2 - 4ac}}{2a}", "quadratic formula", "求根公式"),
    (r"e^{i\pi} + 1 = 0", "Euler's identity", "欧拉恒等式"),
    (r"F = G \frac{m_1 m_2}{r^2}", "law of gravitation", "万有引力定律"),
    (r"\oint \mathbf{E} \cdot d\mathbf{A} = \frac{Q}{\varepsilon_0}", "Gauss's law", "高斯定律"),
    (r"\int_a^b f(x)\, dx = F(b) - F(a)", "fundamental theorem of calculus", "微积分基本定理"),
    (r"P(A|B) = \frac{P(B|A) P(A)}{P(B)}", "Bayes' theorem", "贝叶斯定理"),
    (r"\sin^2 \theta + \cos^2 \theta = 1", "trigonometric identity", "三角恒等式"),
    (r"H = -\sum_i p_i \log p_i", "Shannon entropy", "香农熵"),
    (r"i\hbar \frac{\partial \psi}{\partial t} = \hat{H} \psi", "Schroedinger equation", "薛定谔方程"),
    (r"p V = n R T", "ideal gas law", "理想气体状态方程"),
    (r"f'(x) = \lim_{h \to 0} \frac{f(x+h) - f(x)}{h}", "definition of the derivative", "导数定义"),
    (r"c^2 = a^2 + b^2 - 2ab \cos \gamma", "law of cosines", "余弦定理"),
    (r"(a+b)^n = \sum_{k=0}^{n} \binom{n}{k} a^k b^{n-k}", "binomial theorem", "二项式定理"),
    (r"\Delta x \, \Delta p \geq \frac{\hbar}{2}", "uncertainty principle", "不确定性原理"),
    (r"\sum_{n=1}^{\infty} \frac{1}{n^2} = \frac{\pi^2}{6}", "Basel problem", "巴塞尔问题"),
    (r"\nabla \times \mathbf{E} = -\frac{\partial \mathbf{B}}{\partial t}", "Faraday's law", "法拉第定律"),
    (r"\phi(x) = \frac{1}{\sqrt{2\pi}} e^{-\frac{x^2}{2}}", "normal density", "正态密度"),
    (r"V = \frac{4}{3} \pi r^3", "volume of a sphere", "球的体积"),
    (r"f(x) = \sum_{n=0}^{\infty} \frac{f^{(n)}(a)}{n!} (x-a)^n", "Taylor series", "泰勒级数"),
    (r"U = I R", "Ohm's law", "欧姆定律"),
)
LETTERS = tuple("abcdfghkmnpqrstuvwxyzABCDEFGHKMNPQRSTUVX")
GREEK = tuple(
    f"\\{name}"
    for name in [
        "alpha",
        "beta",
        "gamma",
        "delta",
        "lambda",
        "mu",
        "sigma",
        "theta",
        "omega",
        "phi",
        "rho",
        "tau",
        "Gamma",
        "Delta",
        "Omega",
    ]
)
FUNCTIONS = (r"\sin", r"\cos", r"\tan", r"\log", r"\ln", r"\exp")
OPERATORS = (" + ", " - ", r" \cdot ", r" \times ")
RELATIONS = (" = ", " = ", " = ", r" \leq ", r" \geq ", r" \approx ", r" \neq ", " < ", r" \propto ")
ACCENTS = ("hat", "bar", "vec", "tilde")


def equation(draw: Rng, terms: int) -> str:
    """A random equation: a left side, and about `terms` terms on the right."""
    return _left(draw) + draw.choice(RELATIONS) + _sum(draw, max(1, terms), 2)


def _left(draw: Rng) -> str:
    symbol = _symbol(draw)
    return draw.choice(
        (
            symbol,
            f"{symbol}({draw.choice('xyzt')})",
            f"{symbol}_{{{draw.choice('ijkn')}}}",
            rf"\frac{{d{draw.choice('xyu')}}}{{dt}}",
            rf"\frac{{\partial {symbol}}}{{\partial {draw.choice('xyt')}}}",
        )
    )


def _sum(draw: Rng, terms: int, depth: int) -> str:
    parts = [_term(draw, depth)]
    for _ in range(terms - 1):
        parts += [draw.choice(OPERATORS), _term(draw, depth)]
    return "".join(parts)


def _term(draw: Rng, depth: int) -> str:
    inner = depth - 1
    if depth <= 0 or draw.uniform(0, 1) < 0.35:
        return _power(draw)
    kind = int(draw.uniform(0, 8))
    if kind == 0:
        above, below = (_sum(draw, 1 + int(draw.uniform(0, 2)), inner) for _ in range(2))
        return rf"\frac{{{above}}}{{{below}}}"
    if kind == 1:
        return rf"\sqrt{{{_sum(draw, 1 + int(draw.uniform(0, 2)), inner)}}}"
    if kind == 2:
        return (
            rf"\sum_{{{(index := draw.choice('ijkn'))}={draw.choice('01')}}}^{{{draw.choice('nmN')}}} "
            rf"{_symbol(draw)}_{{{index}}}"
        )
    if kind == 3:
        low, high = draw.choice("0ab"), draw.choice(("1", "T", r"\infty"))
        return rf"\int_{{{low}}}^{{{high}}} {_term(draw, inner)}\, d{draw.choice('xtu')}"
    if kind == 4:
        return rf"{draw.choice(FUNCTIONS)}\left( {_sum(draw, 1 + int(draw.uniform(0, 2)), inner)} \right)"
    if kind == 5:
        return rf"\left( {_sum(draw, 2, inner)} \right)^{{{draw.choice('23n')}}}"
    if kind == 6:
        return rf"\{draw.choice(ACCENTS)}{{{draw.choice('xyzuvw')}}}"
    return rf"e^{{{draw.choice(('', '-'))}{_power(draw)}}}"


def _power(draw: Rng) -> str:
    kind, symbol = int(draw.uniform(0, 5)), _symbol(draw)
    number = str(2 + int(draw.uniform(0, 8)))
    return (
        symbol,
        f"{number}{symbol}",
        f"{symbol}^{{{draw.choice(('2', '3', 'n', '-1'))}}}",
        f"{symbol}_{{{draw.choice('012ijk')}}}",
        f"{symbol}_{{{draw.choice('012ij')}}}^{{{draw.choice('23n')}}}",
    )[kind]


def _symbol(draw: Rng) -> str:
    return draw.choice(LETTERS) if draw.uniform(0, 1) < 0.7 else draw.choice(GREEK)
