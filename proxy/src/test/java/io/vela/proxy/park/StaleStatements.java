package io.vela.proxy.park;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.vela.proxy.RealPostgres;
import io.vela.proxy.wire.FrontendMessages;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.FieldSource;

/**
 * Who uses a prepared statement whose tables have changed while its session had no backend is told
 * what one is told whose session always had one; and what comes of it is the same.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class StaleStatements {
  private static final String CHANGE = "ALTER TABLE thing ADD b int";
  private static final String DROP = "DROP TABLE thing";

  /** What a client says. */
  interface Script {
    String tell(Client client) throws Exception;

    default Script then(Script next) {
      return client -> tell(client) + next.tell(client);
    }
  }

  record Row(String what, Script before, String meanwhile, Script after) {
    @Override
    public String toString() {
      return what + " after " + meanwhile;
    }
  }

  private static FrontendMessages messages() {
    return Client.messages();
  }

  private static byte[] bytes(String text) {
    return text.getBytes(ISO_8859_1);
  }

  private static FrontendMessages use(FrontendMessages messages, String name, String... values) {
    var parameters = Arrays.stream(values).map(StaleStatements::bytes).toList();
    return messages.bind(bytes(""), bytes(name), parameters).execute(bytes(""));
  }

  private static Script query(String sql) {
    return client -> client.query(sql);
  }

  private static Script prepare(String name, String sql) {
    return client -> client.prepare(name, sql);
  }

  private static Script use(String name, String... values) {
    return client -> client.send(use(messages(), name, values).sync(), 1);
  }

  private static final Script PREPARED =
      prepare("s", "SELECT * FROM thing WHERE $1 <> ''")
          .then(prepare("t", "SELECT 1"))
          .then(use("s", "x"));

  private static final Script PIPELINE =
      client -> {
        var messages = use(use(use(messages(), "t"), "s", "x"), "t").sync();
        use(use(messages.describeStatement(bytes("t")), "t"), "t").sync();
        use(messages.describeStatement(bytes("s")), "t").sync();
        return client.send(messages, 3);
      };

  static final List<Row> ROWS =
      List.of(
          new Row("use", PREPARED, CHANGE, use("s", "x")),
          new Row("use", PREPARED, DROP, use("s", "x")),
          new Row("a pipeline", PREPARED, CHANGE, PIPELINE),
          new Row("a pipeline", PREPARED, DROP, PIPELINE),
          new Row(
              "a transaction",
              PREPARED,
              CHANGE,
              query("BEGIN")
                  .then(use("t"))
                  .then(use("s", "x"))
                  .then(use("s", "x"))
                  .then(query("SELECT 1"))
                  .then(query("COMMIT"))),
          new Row("too few parameters", PREPARED, CHANGE, use("s")),
          new Row("preparing it again", PREPARED, CHANGE, prepare("s", "SELECT 2").then(use("s"))),
          new Row("preparing it again", PREPARED, DROP, prepare("s", "SELECT 2").then(use("s"))),
          new Row(
              "closing it",
              PREPARED,
              CHANGE,
              client ->
                  client.send(
                      use(
                              messages()
                                  .closeStatement(bytes("s"))
                                  .parse(bytes("s"), bytes("SELECT * FROM thing"))
                                  .describeStatement(bytes("s")),
                              "s")
                          .sync(),
                      1)),
          new Row(
              "closing it amid what is skipped",
              PREPARED,
              DROP,
              client ->
                  client.send(use(messages(), "s", "x").closeStatement(bytes("s")).sync(), 1)
                      + use("s", "x").tell(client)),
          new Row(
              "DEALLOCATE",
              PREPARED,
              CHANGE,
              query("DEALLOCATE s")
                  .then(use("s", "x"))
                  .then(prepare("s", "SELECT * FROM thing"))
                  .then(use("s"))),
          new Row("DISCARD ALL", PREPARED, DROP, query("DISCARD ALL").then(use("s", "x"))),
          new Row(
              "one that returns no rows",
              prepare("s", "INSERT INTO thing VALUES (length($1))").then(use("s", "x")),
              DROP,
              client ->
                  client.send(messages().describeStatement(bytes("s")).sync(), 1)
                      + use("s", "x").tell(client)),
          new Row(
              "SQL's own",
              query("PREPARE p (int) AS SELECT * FROM thing WHERE a = $1"),
              CHANGE,
              query("EXECUTE p(1)").then(query("DEALLOCATE p")).then(query("EXECUTE p(1)"))),
          new Row(
              "SQL's own",
              query("PREPARE p AS DELETE FROM thing"),
              DROP,
              query("EXECUTE p").then(query("PREPARE p AS SELECT 1"))),
          new Row("the unnamed one", prepare("", "SELECT a FROM thing"), DROP, use("")),
          new Row(
              "the unnamed one, made anew",
              prepare("", "SELECT a FROM thing"),
              DROP,
              prepare("", "SELECT 5").then(use(""))),
          new Row(
              "several",
              prepare("one", "SELECT * FROM thing")
                  .then(prepare("two", "SELECT a FROM thing"))
                  .then(prepare("three", "TABLE thing"))
                  .then(prepare("four", "SELECT * FROM elsewhere")),
              CHANGE + "; DROP TABLE elsewhere",
              use("four").then(use("three")).then(use("two")).then(use("one"))));

  private final RealPostgres postgres;
  private final EventLoopGroup loops =
      new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());

  StaleStatements(int major) throws Exception {
    postgres = RealPostgres.start(major);
  }

  @AfterAll
  void stop() {
    var _ = loops.shutdownGracefully();
    postgres.close();
  }

  @BeforeEach
  void makeTables() {
    postgres.sql(
        """
        DROP TABLE IF EXISTS thing; CREATE TABLE thing (a int); INSERT INTO thing VALUES (1);
        DROP TABLE IF EXISTS elsewhere; CREATE TABLE elsewhere (a int);
        """);
  }

  private Client client() throws Exception {
    return new Client(postgres, loops.next(), List.of());
  }

  /** The same but for the line in Postgres's source. */
  private static String withoutLine(String told) {
    return told.replaceAll("\\|L\\d+\\|R", "|R");
  }

  @ParameterizedTest
  @FieldSource("ROWS")
  void isToldTheSame(Row row) throws Exception {
    try (var moved = client();
        var stayed = client()) {
      assertThat(row.before().tell(moved)).isEqualTo(row.before().tell(stayed));

      moved.move(() -> postgres.sql(row.meanwhile()));

      assertThat(withoutLine(row.after().tell(moved)))
          .isEqualTo(withoutLine(row.after().tell(stayed)));
    }
  }

  @ParameterizedTest
  @FieldSource("ROWS")
  void isToldTheSameWhenItHasBeenMovedAgain(Row row) throws Exception {
    try (var moved = client();
        var stayed = client()) {
      assertThat(row.before().tell(moved)).isEqualTo(row.before().tell(stayed));

      moved.move(() -> postgres.sql(row.meanwhile()));
      assertThat(moved.capture()).isInstanceOf(Captured.Memory.class);
      moved.move();

      assertThat(withoutLine(row.after().tell(moved)))
          .isEqualTo(withoutLine(row.after().tell(stayed)));
    }
  }

  @Test
  void worksAgainOnceItsTableIsAsItWas() throws Exception {
    try (var moved = client();
        var stayed = client()) {
      assertThat(PREPARED.tell(moved)).isEqualTo(PREPARED.tell(stayed));
      moved.move(() -> postgres.sql(CHANGE));

      moved.move(() -> postgres.sql("ALTER TABLE thing DROP b"));

      assertThat(use("s", "x").tell(moved)).isEqualTo(use("s", "x").tell(stayed)).contains("D");
    }
  }

  @Test
  void neverAnswersAnythingThoughItsSessionLooksWhereItsStandInDoes() throws Exception {
    try (var moved = client()) {
      PREPARED.tell(moved);
      moved.move(() -> postgres.sql(CHANGE));
      moved.query("SET search_path = information_schema");

      assertThat(use("s", "x").tell(moved)).startsWith("E");
    }
  }

  @Test
  void whatAClientGetsWrongByItselfIsNotItsError() throws Exception {
    try (var moved = client()) {
      PREPARED.tell(moved);
      moved.move(() -> postgres.sql(DROP));

      assertThat(moved.query("SELECT * FROM sql_parts")).contains("sql_parts");
      assertThat(use("unknown").tell(moved)).contains("C26000");
    }
  }
}
