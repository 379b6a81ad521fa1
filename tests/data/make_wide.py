"""Writes wide.txt: functions of many numbers at once, to 30 digits. Needs mpmath."""
import random
from pathlib import Path

import mpmath as mp
mp.mp.prec = 300
random.seed(7)
def U(a,b,n): return [random.uniform(a,b) for _ in range(n)]
def LU(a,b,n): return [mp.mpf(10)**random.uniform(a,b) for _ in range(n)]
def L(a,b,n): return [float(x) for x in LU(a,b,n)]
def S(xs): return [x*random.choice([-1,1]) for x in xs]
inf=float('inf')
f={}
f['exp']=(mp.exp, U(-708,709.7,90)+U(-1,1,60)+S(L(-18,0,20))+[0.0,0.34657359027997264,-0.34657359027997264,1.0,-1.0,709.782712893384,-708.3964185322641,88.0,0.5])
f['log']=(mp.log, L(-307,308,70)+U(0.5,2,90)+[1+s*10.0**-k for k in range(2,15) for s in (1,-1)]+[5e-324,2.2250738585072014e-308,1.7976931348623157e308,1.0,2.0,0.7071067811865475,0.7071067811865476,1.4142135623730951])
f['log1p']=(mp.log1p, S(L(-18,-0.05,80))+U(-0.999,3,60)+L(0,300,30)+[0.0,1.0,-0.5])
f['expm1']=(mp.expm1, S(L(-18,0,70))+U(-3,3,70)+U(-36,700,40)+[0.0,1.0,-1.0,0.34657,-0.34658])
f['tanh']=(mp.tanh, S(L(-18,0,70))+U(-4,4,70)+U(-30,30,20)+[0.0])
f['inv_logit']=(lambda x: 1/(1+mp.exp(-x)), U(-40,40,70)+U(-700,700,20)+S(L(-18,0,20))+[0.0])
f['softplus']=(lambda x: mp.log1p(mp.exp(x)), U(-40,40,90)+U(-700,700,20)+S(L(-18,0,20))+[0.0])
f['erf']=(mp.erf, S(L(-18,0,60))+U(-3,3,80)+U(-7,7,20)+[0.0,1.0,-1.0,0.9999999999,1.0000000001])
f['erfc']=(mp.erfc, U(-3,3,60)+U(0,26,90)+[0.0,1.0,7.999999,8.0,8.000001,26.5])
f['phi']=(lambda x: mp.erfc(-x/mp.sqrt(2))/2, U(-3,3,60)+U(-37,8,90)+[0.0,1.4142135623730951,-1.4142135623730951])
f['lgamma']=(lambda x: mp.loggamma(x), U(0.001,3,60)+U(0.1,30,60)+L(-12,15,40)+[1.0,2.0,0.5,10.0,9.999999999,1e200])
f['digamma']=(lambda x: mp.digamma(x), U(0.001,3,60)+U(0.1,30,60)+L(-12,15,40)+[1.0,2.0,1.4616321449683623,10.0,9.999999999])
def cauchy(x):
    x=mp.mpf(x); t=mp.erfc(abs(x)/mp.sqrt(2))/2
    return mp.sign(x)*mp.cot(mp.pi*t) if x else mp.mpf(0)
f['cauchy']=(cauchy, U(-3,3,60)+U(-36,36,60)+S(L(-18,0,40))+[0.0,0.6744897501960817,-0.6744897501960818,1.4142135623730951])
f['half_cauchy']=(lambda x: mp.tan(mp.pi/2*mp.erfc(-x/mp.sqrt(2))/2) if x<0 else mp.cot(mp.pi/2*mp.erfc(x/mp.sqrt(2))/2), U(-3,3,60)+U(-36,36,60)+S(L(-18,0,40))+[0.0,1.4142135623730951,-1.4142135623730951])
out=['# function x value rest: value + rest is right to 30 digits (mpmath 1.3.0, 300 bits)']
for k,(g,xs) in f.items():
    for x in xs:
        y=g(mp.mpf(x)); hi=float(y); lo=float(y-mp.mpf(hi))
        out.append(f'{k} {x!r} {hi!r} {lo:.3e}')
Path(__file__).with_name('wide.txt').write_text('\n'.join(out)+'\n')
print(len(out))
