"""The same draw and the same moments on a Spark Connect server (Sail, from its wheel)."""

import pytest
from sqlglot import exp

from butfor.experiments.design import arm_expression, draw_arm
from butfor.experiments.moments import moments_query, read_moments
from butfor.plan.kinds import Arm

ARMS = {"b": Arm(share=0.6, variant="b"), "a": Arm(share=0.4, control=True)}


@pytest.fixture(scope="module")
def spark():
    server_of = pytest.importorskip("pysail.spark")
    sql = pytest.importorskip("pyspark.sql")
    server = server_of.SparkConnectServer(ip="127.0.0.1", port=0)
    server.start()
    session = sql.SparkSession.builder.remote(f"sc://127.0.0.1:{server.listening_address[1]}").create()
    yield session
    session.stop()
    server.stop()


@pytest.mark.engine("spark")
def test_draw_is_the_same_on_spark(spark):
    salt = "it's spring"
    drawn = exp.select("id", arm_expression(exp.column("id"), salt, ARMS, "spark").as_("arm")).from_(
        exp.Table(this=exp.Anonymous(this="range", expressions=[exp.Literal.number(2000)]))
    )
    rows = spark.sql(drawn.sql("spark")).collect()
    assert len(rows) == 2000
    assert all(row["arm"] == draw_arm(salt, str(row["id"]), ARMS) for row in rows)


@pytest.mark.engine("spark")
def test_moments_on_spark(spark):
    table = exp.maybe_parse(
        "(SELECT * FROM VALUES ('a', 1.5, 2), ('a', NULL, 4), ('b', 2.0, 1) AS t(arm, m, m__pre))"
    )
    spark.sql(f"SELECT * FROM {table.sql('spark')} AS x").createOrReplaceTempView("people")
    columns = ("m", "m__pre")
    query = moments_query(exp.to_table("people"), "arm", columns, {"m": -0.5}, columns, [columns])
    found = read_moments(row.asDict() for row in spark.sql(query.sql("spark")).collect())
    assert sorted(found) == ["a", "b"]
    assert (found["a"].n, found["a"].buyers) == (2, {"m": 1})
    assert found["a"].mean("m") == pytest.approx(0.75)
    assert found["a"].cov("m", "m__pre") == pytest.approx(-1.5)
