package io.vela.proxy.wire;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** SQL text is read as Postgres reads it, as far as quotes, comments and statements go. */
final class SqlScanTest {
  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      quoteCharacter = '`',
      value = {
        "PREPARE a AS SELECT 1 # PREPARE",
        "  /* a /* b */ ; */ prepare a AS SELECT ';' ; -- end # PREPARE",
        "SELECT 'it''s; fine' # SELECT",
        "SELECT E'\\';' ; # SELECT",
        "SELECT $a$;$b$;$a$ # SELECT",
        "SELECT $$;$$, a$b, $1 # SELECT",
        "SELECT \"a;\"\"b\" # SELECT",
        "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2) # CREATE",
        ";; BEGIN # BEGIN"
      })
  void oneStatementIsToldByItsFirstWord(String sql, String word) {
    assertThat(SqlScan.onlyStatement(sql, true)).contains(word);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        " ; ",
        "-- SELECT 1",
        "SELECT 1; SELECT 2",
        "SELECT '\\'; PREPARE a AS SELECT '"
      })
  void noStatementAndSeveralAreNotOne(String sql) {
    assertThat(SqlScan.onlyStatement(sql, true)).isEmpty();
  }

  @Test
  void aBackslashEscapesWhereStringsAreNotStandard() {
    var sql = "SELECT '\\'; PREPARE a AS SELECT '";

    assertThat(SqlScan.onlyStatement(sql, false)).contains("SELECT");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '#',
      quoteCharacter = '`',
      value = {
        "SET app.tenant = '7' # app.tenant",
        "set session App.Tenant to 7 # app.tenant",
        "BEGIN; SET LOCAL a.b.c = 1; COMMIT # a.b.c",
        "SET \"app\".\"Tenant\" = 1 # app.Tenant",
        "RESET app.tenant # app.tenant",
        "SELECT pg_catalog.set_config ( 'app.t' , $1, false) # app.t",
        "SELECT set_config('app.t'::text, 'x', false) # app.t",
        "DO $$ BEGIN PERFORM set_config('app.t', '1', false); END $$ # app.t",
        "DO $$ BEGIN EXECUTE 'SET app.t = 1'; END $$ # app.t"
      })
  void namesOfCustomSettingsAreFound(String sql, String name) {
    var traces = SqlScan.traces(sql, true);

    assertThat(traces.customSettings()).containsExactly(name);
    assertThat(traces.unseenSettings()).isFalse();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT set_config($1, $2, false)",
        "SELECT set_config('app.' || $1, $2, false)",
        "DO $$ BEGIN EXECUTE format('SET %I = 1', x); END $$"
      })
  void aNameThatDoesNotStandThereIsUnseen(String sql) {
    assertThat(SqlScan.traces(sql, true).unseenSettings()).isTrue();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "SELECT 1",
        "SET work_mem = '4MB'",
        "SELECT set_config('search_path', $1, false)",
        "SELECT set_config($1, $2, true)",
        "UPDATE t SET a = 1, b = 'x.y'",
        "SELECT * FROM t OFFSET 1"
      })
  void mostStatementsLeaveNothing(String sql) {
    assertThat(SqlScan.traces(sql, true)).isEqualTo(SqlScan.Traces.NONE);
  }

  @Test
  void librariesAndFunctionsOfLastingEffectAreFound() {
    assertThat(SqlScan.traces("LOAD 'auto_explain'; LOAD E'x''y'", true).loads())
        .isEqualTo(List.of("auto_explain", "x'y"));
    assertThat(SqlScan.traces("SELECT public.dblink_connect('dbname=x')", true).functions())
        .containsExactly("dblink_connect");
    assertThat(SqlScan.traces("SELECT pg_backup_start('x')", true).functions())
        .containsExactly("pg_backup_start");
  }

  @Test
  void whatIsUnterminatedEndsWithTheText() {
    for (var sql :
        List.of("SET a.b = '", "SELECT $$ set", "/* set", "set_config(", "SET a.", "\"set")) {
      assertThat(SqlScan.traces(sql, true).loads()).isEmpty();
    }
  }
}
