package io.vela.config.value;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class UntrustedTextTest {
  @Test
  void whatATerminalActsUponIsEscaped() {
    var text = new UntrustedText("a\u001b[2J\u009b31m\u0000\u007f\r\nb\tc\u202ed\u2028e");

    assertThat(text.line())
        .isEqualTo("a\\u001b[2J\\u009b31m\\u0000\\u007f\\r\\nb\\tc\\u202ed\\u2028e");
    assertThat(text.lines()).startsWith("a\\u001b").contains("\nb\tc");
    assertThat(new UntrustedText("Größe, 大きさ ✓").line()).isEqualTo("Größe, 大きさ ✓");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "no route to postgresql://app:s3:c@t@db.example.com:5432/x|"
            + "no route to postgresql://app:***@db.example.com:5432/x",
        "connection to \"host=h password=s3cret user=u\"|"
            + "connection to \"host=h password=*** user=u\"",
        "password='it''s' x|password=*** x",
        "ALTER ROLE a PASSWORD 's3cret'; x|ALTER ROLE a PASSWORD ***; x",
        "has SCRAM-SHA-256$4096:salt$stored:server now|has SCRAM-SHA-256$*** now",
        "has md50123456789abcdef0123456789abcdef now|has md5*** now",
        "branch=vela_k3f9x2_SECRETsecret now|branch=vela_k3f9x2_*** now",
        "password authentication failed for user \"a\"|"
            + "password authentication failed for user \"a\""
      })
  void secretsAreLeftOut(String raw, String told) {
    assertThat(new UntrustedText(raw).withoutSecrets().raw()).isEqualTo(told);
    assertThat(new UntrustedText(raw).forAdministrator()).isEqualTo(told);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '`',
      value = {
        "could not open file \"/var/lib/vela/clones/c1/data/postgresql.conf\": x|"
            + "could not open file \".../postgresql.conf\": x",
        "socket /run/vela/x/.s.PGSQL.5432, in use|socket .../.s.PGSQL.5432, in use",
        "relation \"a/b\" and 1/2 and http://h/a/b|relation \"a/b\" and 1/2 and http://h/a/b",
        "base/5/1259 is damaged|base/5/1259 is damaged"
      })
  void theHostsFoldersAreLeftOutOfPaths(String raw, String told) {
    assertThat(new UntrustedText(raw).withoutPaths().raw()).isEqualTo(told);
  }

  @Test
  void aClientIsToldNoStatementsOfOthers() {
    var log =
        """
        2026-11-29 04:00:00 UTC [12] ERROR:  syntax error
        2026-11-29 04:00:00 UTC [12] STATEMENT:  SELECT 'salary',
        \t'of somebody'
        2026-11-29 04:00:01 UTC [1] LOG:  terminating any other active server processes
        """;

    assertThat(new UntrustedText(log).forClient())
        .isEqualTo(
            """
            2026-11-29 04:00:00 UTC [12] ERROR:  syntax error
            2026-11-29 04:00:01 UTC [1] LOG:  terminating any other active server processes\
            """);
  }

  @Test
  void itIsBounded() {
    var huge = "x".repeat(10_000_000);

    assertThat(new UntrustedText(huge).forClient()).hasSize(UntrustedText.MOST_FOR_CLIENTS);
    assertThat(new UntrustedText(huge).line(10)).isEqualTo("xxxxxxx...");
  }

  @Test
  void hostileTextTakesNoTime() {
    for (var piece :
        new String[] {"password='", "/a", "a://", "STATEMENT: \n\t", "PASSWORD 'a''"}) {
      new UntrustedText(piece.repeat(100_000)).forClient();
    }
    assertThat(new UntrustedText("a://" + ":".repeat(100_000)).forClient()).isNotEmpty();
  }

  @Test
  void whatHasNoEncodingIsEscapedAndWhatTakesTwoCharactersIsNot() {
    assertThat(new UntrustedText("a\udcffb\ud83d\udc18").line()).isEqualTo("a\\udcffb\ud83d\udc18");
  }
}
