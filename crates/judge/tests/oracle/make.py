#!/usr/bin/env python3
"""Makes values.csv: E of the judges and the bound, computed apart from Teal with 60 digits (mpmath)."""
from mpmath import beta, findroot, log, log10, mp, mpf

mp.dps = 60


def mixture(null, others, requests, failed):
    good = requests - failed
    return sum((p / null) ** failed * ((1 - p) / (1 - null)) ** good for p in others) / len(others)


def before_after(allowed, requests, failed):
    others, share = [], allowed * mpf("1.5")
    while share < mpf("0.9"):
        others.append(share)
        share *= 2
    return log10(mixture(allowed, others + [mpf("0.9")], requests, failed))


def bound(requests, failed, error):
    good = requests - failed
    least = log(error) + log(beta(failed + mpf(1) / 2, good + mpf(1) / 2)) - log(beta(mpf(1) / 2, mpf(1) / 2))
    excess = lambda p: (failed * log(p) if failed else 0) + good * log(1 - p) - least
    low = mpf(failed) / requests + mpf(10) ** -12
    return findroot(excess, (low, 1 - mpf(10) ** -12), solver="anderson", tol=mpf(10) ** -40, maxsteps=500)


COUNTS = [(1, 0), (10, 0), (10, 10), (100, 1), (344, 0), (1240, 3), (5000, 40), (100000, 480), (1000000, 5200)]
with open("values.csv", "w", encoding="ascii") as out:
    out.write("# what,parameter,requests,failed,value\n")
    for requests, failed in COUNTS:
        for allowed in ("0.001", "0.005", "0.01", "0.25"):
            value = before_after(mpf(allowed), requests, failed)
            out.write(f"log10_e,{allowed},{requests},{failed},{mp.nstr(value, 17)}\n")
        if failed < requests:
            for error in ("0.05", "0.001"):
                value = bound(requests, failed, mpf(error))
                out.write(f"at_most,{error},{requests},{failed},{mp.nstr(value, 17)}\n")
