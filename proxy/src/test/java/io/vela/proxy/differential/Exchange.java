package io.vela.proxy.differential;

import static io.vela.proxy.differential.Frontend.binary;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static java.nio.charset.StandardCharsets.UTF_8;

import java.util.List;

/**
 * Something that a client sends after startup.
 *
 * @param name what it is
 * @param stream the bytes, one a character
 * @param answers how many ReadyForQuery it brings; 0 when the connection ends with it
 */
record Exchange(String name, String stream, int answers) {
  private Exchange(String name, byte[] request, int answers) {
    this(name, new String(request, ISO_8859_1), answers);
  }

  byte[] request() {
    return stream.getBytes(ISO_8859_1);
  }

  /** What every connection sends first. */
  static final Exchange SETUP =
      new Exchange(
          "setup",
          new Frontend()
              .query("set client_min_messages = 'notice'; create temp table t (a int, b text)")
              .bytes(),
          1);

  @Override
  public String toString() {
    return name;
  }

  private static Exchange of(String name, int answers, Frontend request) {
    return new Exchange(name, request.bytes(), answers);
  }

  private static Frontend send() {
    return new Frontend();
  }

  /** Those after which the session is as it was before. */
  static List<Exchange> repeatable() {
    return List.of(
        of("a simple query", 1, send().query("select 1 as one, null, 'zwei'")),
        of("an empty query", 1, send().query("")),
        of("many statements, one wrong", 1, send().query("select 1; select 2/0; select 3")),
        of("two queries at once", 2, send().query("select 1").query("select 2")),
        of("only Sync", 3, send().sync().sync().sync()),
        of(
            "an extended query",
            1,
            send()
                .parse("", "select $1::int + 1")
                .bind("", "", "41")
                .describe('P', "")
                .execute("", 0)
                .sync()),
        of(
            "a pipeline with an error in its middle",
            2,
            send()
                .parse("", "select 1")
                .bind("", "")
                .execute("", 0)
                .parse("", "select no_such_column")
                .bind("", "")
                .execute("", 0)
                .query("select 'dropped'")
                .sync()
                .parse("", "select 2")
                .bind("", "")
                .execute("", 0)
                .sync()),
        of(
            "named statements and portals",
            3,
            send()
                .parse("s", "select generate_series(1, 5)")
                .describe('S', "s")
                .sync()
                .bind("p", "s")
                .execute("p", 2)
                .execute("p", 2)
                .execute("p", 2)
                .execute("p", 2)
                .close('P', "p")
                .close('P', "p")
                .sync()
                .close('S', "s")
                .close('S', "s")
                .sync()),
        of("a portal that is not there", 1, send().execute("none", 0).describe('S', "none").sync()),
        of(
            "Flush without Sync",
            1,
            send().parse("", "select 1").flush().bind("", "").flush().execute("", 0).sync()),
        of("an empty extended query", 1, send().parse("", "").bind("", "").execute("", 0).sync()),
        of(
            "a failed transaction",
            4,
            send().query("begin").query("select 1/0").query("select 1").query("rollback")),
        of(
            "COPY in",
            2,
            send()
                .query("copy t from stdin")
                .copyData("1\tone\n2\t")
                .copyData("two\n")
                .copyDone()
                .query("select a + 0, b || '' from t; truncate t")),
        of(
            "COPY in that the client fails",
            1,
            send().query("copy t from stdin").copyData("1\tone\n").copyFail("changed my mind")),
        of(
            "COPY in that the server fails, with data to follow",
            2,
            send()
                .query("copy t from stdin")
                .copyData("not a number\tone\n")
                .copyData("1\tone\n")
                .copyDone()
                .query("select count(*) from t")),
        of(
            "COPY in as libpq pipelines it",
            1,
            send()
                .parse("", "copy t from stdin")
                .bind("", "")
                .execute("", 0)
                .sync()
                .copyData("1\tone\n")
                .copyDone()
                .sync()),
        of(
            "COPY in with Flush and Sync amid",
            1,
            send().query("copy t from stdin").flush().sync().copyData("1\tone\n").copyDone()),
        of(
            "COPY data to nobody",
            1,
            send().copyData("lost").copyDone().copyFail("").query("select 1")),
        of("COPY out", 1, send().query("copy (select generate_series(1, 9)) to stdout")),
        of(
            "COPY out, extended",
            1,
            send().parse("", "copy t to stdout").bind("", "").execute("", 0).sync()),
        of("FunctionCall", 1, send().functionCall(177, binary(40), binary(2))),
        of("FunctionCall of no function", 1, send().functionCall(1, binary(0))),
        of(
            "large objects",
            7,
            send()
                .query("begin")
                .functionCall(715, binary(424242))
                .functionCall(952, binary(424242), binary(0x60000))
                .functionCall(955, binary(0), "what is large".getBytes(UTF_8))
                .functionCall(956, binary(0), binary(0), binary(0))
                .functionCall(954, binary(0), binary(100))
                .query("rollback")),
        of(
            "LISTEN and NOTIFY",
            4,
            send()
                .query("listen news")
                .query("notify news, 'something'")
                .query("begin; notify news; notify other; commit")
                .query("unlisten *")),
        of(
            "notices",
            1,
            send()
                .query(
                    "do $$ begin raise notice 'n'; raise warning 'w' using detail = 'd'; "
                        + "raise exception 'e' using hint = 'h', errcode = 'VELA1'; end $$")),
        of(
            "parameters that are reported",
            2,
            send()
                .query("set application_name = 'other'; set datestyle = 'German'")
                .query("reset application_name; reset datestyle")),
        of("a row of many pages", 1, send().query("select repeat('x', 300000)")),
        of("a long query", 1, send().query("select length('" + "y".repeat(500) + "')")),
        of(
            "a Bind that is cut short",
            1,
            send().parse("", "select $1::int").message('B', new byte[] {0, 0, 0}).sync()));
  }

  /** Those that end the connection. */
  static List<Exchange> last() {
    return List.of(
        of("Terminate", 0, send().terminate()),
        of("Terminate after a query", 0, send().query("select 1").terminate()),
        of(
            "Terminate amid a pipeline",
            0,
            send().parse("", "select 1").bind("", "").execute("", 0).terminate()),
        of(
            "Terminate amid COPY",
            0,
            send().query("copy t from stdin").copyData("1\tone\n").terminate()),
        of("Terminate with more behind it", 0, send().terminate().query("select 1")),
        of("an unknown message type", 0, send().query("select 1").message('~').query("select 2")),
        of("a password out of turn", 0, send().message('p', (byte) 'x', (byte) 0).terminate()),
        of("a length below its own", 0, send().raw(new byte[] {'Q', 0, 0, 0, 3}).query("select 1")),
        of("a negative length", 0, send().raw(new byte[] {'Q', -1, -1, -1, -1})),
        of("a length beyond what is allowed", 0, send().raw(new byte[] {'Q', 127, -1, -1, -1})),
        of("a Sync of great length", 0, send().raw(new byte[] {'S', 0, 1, 0, 0}).sync()),
        of(
            "an unknown message type amid COPY",
            0,
            send().query("copy t from stdin").message('~').sync()),
        of(
            "COPY in interrupted by a query",
            0,
            send().query("copy t from stdin").query("select 'dropped'").query("select 'served'")),
        of("a query that is not terminated", 0, send().message('Q', (byte) 's').terminate()),
        of("an HTTP request", 0, send().raw("GET / HTTP/1.0\r\n\r\n".getBytes(UTF_8))),
        of(
            "the server ends it",
            0,
            send().query("select pg_terminate_backend(pg_backend_pid())").query("select 1")));
  }
}
