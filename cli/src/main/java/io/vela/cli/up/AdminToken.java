package io.vela.cli.up;

import io.vela.cli.client.ClientFile;
import io.vela.config.value.HostPort;
import io.vela.config.value.Secret;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router;
import io.vela.router.Router.MintedToken;
import io.vela.router.Router.TokenView;
import io.vela.router.TokenRequest;
import io.vela.router.catalog.TokenRight;
import io.vela.router.route.TokenId;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;

/**
 * The token in {@code client.json}, with which the verbs use the REST API: the same one for as long
 * as it is good. It administers the system, and no client of Postgres gets in with it. Safe for use
 * from any thread.
 */
final class AdminToken {
  private final Router router;
  private final Path data;
  private final String http;
  private final HostPort listen;
  private final Consumer<String> say;
  private Optional<TokenId> id = Optional.empty();

  /**
   * @param http where REST answers, as {@code http://host:port}
   * @param listen where Postgres clients connect
   * @param say tells the user
   */
  AdminToken(Router router, Path data, String http, HostPort listen, Consumer<String> say) {
    this.router = router;
    this.data = data;
    this.http = http;
    this.listen = listen;
    this.say = say;
  }

  /** Writes the file, with the token that was in it, else with a new one. */
  synchronized void keep() throws RouteException, IOException, InterruptedException {
    var before = kept();
    if (before.isPresent() && administersOnly(before.get().id())) {
      write(before.get().id(), before.get().bearer());
      return;
    }
    var made = router.mintToken(TokenRequest.toAdministrate()).token();
    write(made.id(), made.bearer());
    if (before.isPresent()) {
      // An earlier Vela printed it as a password. It is revoked only once the new one is kept.
      router.revokeToken(before.get().id());
      say.accept(
          "the admin token was good for every role of every branch, and is revoked; client.json has"
              + " a new one, for the REST API only");
    }
  }

  /** A token has a new secret. */
  synchronized void rotated(MintedToken token) {
    if (id.equals(Optional.of(token.id()))) {
      try {
        write(token.id(), token.bearer());
      } catch (IOException e) {
        throw new UncheckedIOException("client.json could not be written", e);
      }
    }
  }

  private void write(TokenId written, Secret bearer) throws IOException {
    id = Optional.of(written);
    new ClientFile(http, listen, bearer).write(data);
  }

  private record Kept(TokenId id, Secret bearer) {}

  private Optional<Kept> kept() throws RouteException, IOException {
    var file = ClientFile.read(data);
    if (file.isEmpty()) {
      return Optional.empty();
    }
    var bearer = file.get().token();
    try {
      return Optional.of(new Kept(router.authorize(bearer, Optional.empty()), bearer));
    } catch (RouteException e) {
      return switch (e.failure()) {
        case RouteFailure.BadToken _, RouteFailure.Malformed _, RouteFailure.NotGranted _ ->
            Optional.empty();
        default -> throw e;
      };
    }
  }

  private boolean administersOnly(TokenId token) throws RouteException {
    return router.tokens().stream()
        .filter(view -> view.id().equals(token))
        .map(TokenView::rights)
        .anyMatch(Set.of(TokenRight.ADMIN)::equals);
  }
}
