package io.vela.cli.up;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vela.config.value.HostPort;
import io.vela.router.Router.BaselineView;
import io.vela.router.Router.MintedToken;
import java.net.URLEncoder;

/**
 * The last line of a start: a command to paste, which makes the branch {@code dev} and opens it.
 */
final class ReadyLine {
  private static final String BRANCH = "dev";

  private ReadyLine() {}

  static String of(BaselineView baseline, MintedToken token, HostPort listen) {
    return "ready  psql \"postgresql://%s~%s:%s@%s/%s@%s\""
        .formatted(
            encode(baseline.defaultRole()),
            token.id(),
            encode(token.secret().reveal()),
            listen,
            encode(baseline.defaultDatabase()),
            BRANCH);
  }

  private static String encode(String text) {
    return URLEncoder.encode(text, UTF_8).replace("+", "%20");
  }
}
