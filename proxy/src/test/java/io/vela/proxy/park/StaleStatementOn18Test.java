package io.vela.proxy.park;

/** Sessions of Postgres 18. */
final class StaleStatementOn18Test extends StaleStatements {
  StaleStatementOn18Test() throws Exception {
    super(18);
  }
}
