package io.vela.cli.up;

import io.vela.cli.client.ClientFile;
import io.vela.config.value.Secret;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.Router;
import io.vela.router.Router.MintedToken;
import io.vela.router.route.TokenId;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;
import java.util.regex.Pattern;

/** The system token in {@code client.json}: the same one for as long as the catalogue knows it. */
final class AdminToken {
  private static final Pattern BEARER = Pattern.compile("vela_([a-z0-9]+)_(.+)");

  private final Router router;
  private final Path data;

  AdminToken(Router router, Path data) {
    this.router = router;
    this.data = data;
  }

  MintedToken keep() throws RouteException, IOException {
    var file = ClientFile.read(data);
    if (file.isPresent() && isGood(file.get().token())) {
      var bearer = BEARER.matcher(file.get().token().reveal());
      if (bearer.matches()) {
        return new MintedToken(new TokenId(bearer.group(1)), new Secret(bearer.group(2)));
      }
    }
    return router.mintToken(Router.TokenRequest.forTheSystem());
  }

  private boolean isGood(Secret bearer) throws RouteException {
    try {
      router.authorize(bearer, Optional.empty());
      return true;
    } catch (RouteException e) {
      return switch (e.failure()) {
        case RouteFailure.BadToken _, RouteFailure.Malformed _, RouteFailure.NotGranted _ -> false;
        default -> throw e;
      };
    }
  }
}
