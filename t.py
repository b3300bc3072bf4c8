import sys; sys.path.insert(0,'/tmp/demo')
from demo import *
from butfor.charts import terminal as t
print(t.lifecycle(life)); print(); print(t.rfm_grid(rows)); print(); print(t.forest(ro,SPEND,{'mens':.8,'womens':.25},currency='EUR',width=100)); print(t.forest(ro,SPEND,currency='EUR',width=50));print(t.forest(few,SPEND,currency='EUR')); print(t.forest(vi,VISIT)); print(t.waterfall(steps,currency='EUR'))
