package io.vela.proxy.session;

import io.vela.config.value.UntrustedText;
import io.vela.proxy.wire.StartupPacket.StartupMessage;
import io.vela.router.route.BranchAddress;
import io.vela.router.route.BranchAddress.PresentedToken;
import io.vela.router.route.RoleName;
import java.util.LinkedHashMap;

/**
 * What a client asked for.
 *
 * @param startup as it came
 * @param address what it means
 */
record SessionRequest(StartupMessage startup, BranchAddress address) {
  /** The user as the client gave it, a token's id included: what Postgres would quote to it. */
  String user() {
    return RoleName.truncate(startup.user());
  }

  /** Postgres itself keeps 63 bytes of any of them. */
  private static final int MOST_SHOWN = 200;

  /** Whether a token in full was presented: then no password is asked. */
  boolean isBearer() {
    return address.token().filter(PresentedToken.AsBearer.class::isInstance).isPresent();
  }

  /** Whether the client wants to replicate rather than to ask. */
  boolean isReplication() {
    return address.parameters().containsKey("replication");
  }

  /** The branch for logs; a token may name one without the client saying which. */
  String branch() {
    return address.branch().map(Object::toString).orElse("-");
  }

  /** What a guess aims at beside the user: the branch, or the token that names it. */
  String account() {
    return address.token().map(token -> "~" + token.id()).orElse("")
        + address.branch().map(branch -> "@" + branch).orElse("");
  }

  /** For {@code vela why}, and the answers over HTTP: the names are the client's choice. */
  String describe(String clientAddress) {
    var application = address.parameters().getOrDefault("application_name", "");
    return "role=%s database=%s client=%s%s"
        .formatted(
            shown(address.role()),
            shown(address.database()),
            clientAddress,
            application.isEmpty() ? "" : " application=" + shown(application));
  }

  private static String shown(String name) {
    return new UntrustedText(name).line(MOST_SHOWN);
  }

  /**
   * The startup message for the backend: the role and database of the address, then everything else
   * as it came.
   */
  StartupMessage forBackend() {
    var parameters = new LinkedHashMap<String, String>();
    parameters.put("user", address.role());
    parameters.put("database", address.database());
    parameters.putAll(address.parameters());
    return new StartupMessage(startup.protocolVersion(), parameters);
  }
}
