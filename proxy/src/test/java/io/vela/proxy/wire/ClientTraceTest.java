package io.vela.proxy.wire;

import static org.assertj.core.api.Assertions.assertThat;

import io.netty.buffer.Unpooled;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class ClientTraceTest {
  private static final String READY = "I";

  private final ClientTrace trace = new ClientTrace(Pings.of(List.of("SELECT 1")));
  private final RequestLedger ledger = new RequestLedger();
  private final FrontendTracker client = new FrontendTracker(ledger, trace);
  private final BackendTracker server = new BackendTracker(ledger, trace, (byte) 'I');

  private void says(Bytes messages) {
    client.track(Unpooled.wrappedBuffer(messages.toArray()));
  }

  private void hears(Bytes messages) {
    server.track(Unpooled.wrappedBuffer(messages.toArray()));
  }

  private void query(String sql) {
    says(new Bytes().message('Q', sql + "\0"));
    hears(new Bytes().message('C', "DONE\0").message('Z', READY));
  }

  private static Bytes parse(Bytes messages, String name, String sql) {
    return messages.message('P', name + "\0" + sql + "\0\0\0");
  }

  private static Bytes bind(Bytes messages, String name) {
    return messages.message('B', "\0" + name + "\0\0\0\0\0\0\0").message('E', "\0\0\0\0\0");
  }

  private static Bytes sync(Bytes messages) {
    return messages.message('S', "");
  }

  private static Bytes failure(Bytes messages) {
    return messages.message('E', "SERROR\0VERROR\0C42601\0M?\0\0");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          SET app.tenant = '7'                          | app.tenant
          set session App.Tenant to 7                   | app.tenant
          SET LOCAL app.tenant = 7                      | app.tenant
          RESET app.tenant                              | app.tenant
          SELECT set_config('app.tenant', $1, false)    | app.tenant
          BEGIN; SET\tapp.tenant = '7'; COMMIT          | app.tenant
          DO 'BEGIN SET app.tenant = 7; END'            | app.tenant
          """)
  void theNameOfACustomSettingIsKept(String sql, String name) {
    query(sql);

    assertThat(trace.customSettings()).containsExactly(name);
    assertThat(trace.overlooked()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "UPDATE t SET a = 1",
        "UPDATE t SET a=b.c FROM b",
        "UPDATE t SET (a, b) = (SELECT x.c, x.d FROM x)",
        "SET work_mem = '5MB'",
        "SELECT offset FROM settings",
        "SELECT 1"
      })
  void otherStatementsLeaveNothing(String sql) {
    query(sql);

    assertThat(trace.customSettings()).isEmpty();
    assertThat(trace.overlooked()).isFalse();
  }

  @Test
  void settingsAreSeenInPreparedStatementsToo() {
    says(sync(bind(parse(new Bytes(), "", "SET app.tenant = '7'"), "")));

    assertThat(trace.customSettings()).containsExactly("app.tenant");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT set_config($1, $2, false)",
        "SELECT set_config('app.' || who, 'x', false) FROM t"
      })
  void aSettingWhoseNameIsComputedIsOverlooked(String sql) {
    query(sql);

    assertThat(trace.overlooked()).isTrue();
  }

  @Test
  void aTextThatIsTooLongToLookIntoMayHaveOverlookedSomething() {
    query("SELECT '" + "x".repeat(ClientTrace.LONGEST_TEXT) + "'");

    assertThat(trace.overlooked()).isTrue();
  }

  @Test
  void moreNamesThanAreKeptAreOverlooked() {
    for (int i = 0; i < 300; i++) {
      query("SET app.x" + i + " = 1");
    }

    assertThat(trace.customSettings()).hasSizeLessThan(300);
    assertThat(trace.overlooked()).isTrue();
  }

  @Test
  void librariesAreKeptInTheirOrder() {
    query("LOAD 'b'; LOAD 'a'");
    query("load 'c'");

    assertThat(trace.libraries()).containsExactly("b", "a", "c");
  }

  @Test
  void functionsOfLastingEffectAreKept() {
    query("SELECT dblink_connect('x', '')");
    query("SELECT pg_backup_start('x')");

    assertThat(trace.functions()).containsExactly("dblink_connect", "pg_backup_start");
  }

  @Test
  void pingsAreNoUse() {
    query("SELECT 1");
    query("");
    says(sync(bind(parse(new Bytes(), "", "select 1;"), "")));
    says(sync(parse(new Bytes(), "ping", "SELECT 1")));
    says(sync(bind(new Bytes(), "ping")));

    assertThat(trace.uses()).isZero();
  }

  @Test
  void whatHasTheNameOfAPingNoMoreIsUse() {
    says(sync(parse(new Bytes(), "ping", "SELECT 1")));
    says(sync(new Bytes().message('C', "Sping\0")));
    long before = trace.uses();

    says(sync(bind(new Bytes(), "ping")));

    assertThat(trace.uses()).isGreaterThan(before);
  }

  @ParameterizedTest
  @ValueSource(strings = {"DEALLOCATE ALL", "discard all", "SELECT 1; DEALLOCATE ping"})
  void pingsAreForgottenWithTheirStatements(String sql) {
    says(sync(parse(new Bytes(), "ping", "SELECT 1")));
    query(sql);
    long before = trace.uses();

    says(sync(bind(new Bytes(), "ping")));

    assertThat(trace.uses()).isGreaterThan(before);
  }

  private RawMessage message(Bytes one) {
    return RawMessage.take(Unpooled.wrappedBuffer(one.toArray()));
  }

  @Test
  void theUnnamedStatementIsTheLastThatWasParsed() {
    says(sync(parse(parse(new Bytes(), "", "SELECT 2"), "", "SELECT 3")));
    hears(new Bytes().message('1', "").message('1', "").message('Z', READY));

    assertThat(trace.unnamedParse()).contains(message(parse(new Bytes(), "", "SELECT 3")));
    assertThat(trace.isUnnamedCertain()).isTrue();
  }

  @Test
  void aQueryLeavesNoUnnamedStatement() {
    says(sync(parse(new Bytes(), "", "SELECT 2")));
    hears(new Bytes().message('1', "").message('Z', READY));
    query("SELECT 3");

    assertThat(trace.unnamedParse()).isEmpty();
    assertThat(trace.isUnnamedCertain()).isTrue();
  }

  @Test
  void closingItLeavesNoUnnamedStatement() {
    says(sync(parse(new Bytes(), "", "SELECT 2").message('C', "S\0")));
    hears(new Bytes().message('1', "").message('3', "").message('Z', READY));

    assertThat(trace.unnamedParse()).isEmpty();
  }

  @Test
  void aNamedStatementLeavesTheUnnamedOne() {
    says(sync(parse(parse(new Bytes(), "", "SELECT 2"), "s", "SELECT 3")));
    hears(new Bytes().message('1', "").message('1', "").message('Z', READY));

    assertThat(trace.unnamedParse()).contains(message(parse(new Bytes(), "", "SELECT 2")));
  }

  @Test
  void aParseThatMayHaveBeenSkippedLeavesItOpenWhichThereIs() {
    says(sync(parse(bind(new Bytes(), "s"), "", "SELECT 2")));
    hears(failure(new Bytes()).message('Z', READY));

    assertThat(trace.isUnnamedCertain()).isFalse();
  }

  @Test
  void theFirstOfAPipelineIsNotSkipped() {
    says(sync(bind(parse(new Bytes(), "", "SELECT 1/0"), "")));
    hears(failure(new Bytes().message('1', "")).message('Z', READY));

    assertThat(trace.isUnnamedCertain()).isTrue();
  }

  @Test
  void theNextQueryMakesItCertainAgain() {
    says(sync(parse(bind(new Bytes(), "s"), "", "SELECT 2")));
    hears(failure(new Bytes()).message('Z', READY));

    query("SELECT 3");

    assertThat(trace.isUnnamedCertain()).isTrue();
    assertThat(trace.unnamedParse()).isEmpty();
  }
}
