package io.vela.cli.up;

import static java.nio.charset.StandardCharsets.UTF_8;

import io.vela.config.value.BranchName;
import io.vela.config.value.HostPort;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router;
import io.vela.router.Router.BaselineView;
import io.vela.router.Router.IssuedToken;
import io.vela.router.TokenRequest;
import io.vela.router.catalog.TokenRight;
import java.net.URLEncoder;
import java.time.Duration;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The last line of a start: a command to paste, which makes the branch {@code dev} and opens it. It
 * goes to terminals, journals and logs of builds, so its token is good for that branch and one role
 * only, and not for long.
 */
final class ReadyLine {
  private static final BranchName BRANCH = new BranchName("dev");
  private static final Duration LIFETIME = Duration.ofDays(1);

  private final Router router;
  private final HostPort listen;
  private final Consumer<String> say;

  /**
   * @param listen where clients on this host reach it
   * @param say tells the user what goes before the line
   */
  ReadyLine(Router router, HostPort listen, Consumer<String> say) {
    this.router = router;
    this.listen = listen;
    this.say = say;
  }

  /**
   * Makes the token.
   *
   * @param main the baseline whose branch a client without a policy for {@code dev} would want
   */
  String print(BaselineView main) throws RouteException, InterruptedException {
    var issued = token();
    if (issued.isEmpty()) {
      say.accept(
          "no policy lets a connection create the branch %s; for one that is there: vela url BRANCH"
              .formatted(BRANCH));
      return line(main.defaultRole(), main.defaultDatabase(), "BRANCH");
    }
    if (issued.get().superuser()) {
      say.accept(
          "the branch %s has no role that may log in but the superuser %s: the token below is good"
                  .formatted(BRANCH, issued.get().role())
              + " for everything in that branch");
    }
    var token = issued.get().token();
    return line(
        "%s~%s:%s"
            .formatted(encode(issued.get().role()), token.id(), encode(token.secret().reveal())),
        issued.get().database(),
        BRANCH.value());
  }

  private Optional<IssuedToken> token() throws RouteException, InterruptedException {
    try {
      return Optional.of(
          router.mintToken(
              new TokenRequest(
                  new TokenRequest.OfBranch(BRANCH),
                  new TokenRequest.Standard(),
                  Set.of(TokenRight.CONNECT, TokenRight.CREATE),
                  new TokenRequest.For(LIFETIME))));
    } catch (RouteException e) {
      if (e.failure() instanceof RouteFailure.NoSuchBranch) {
        return Optional.empty();
      }
      throw e;
    }
  }

  private String line(String login, String database, String branch) {
    return "ready  psql \"postgresql://%s@%s/%s@%s\""
        .formatted(login, listen, encode(database), branch);
  }

  private static String encode(String text) {
    return URLEncoder.encode(text, UTF_8).replace("+", "%20");
  }
}
