package io.vela.router.route;

import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import java.util.Map;
import java.util.Optional;

/**
 * What a client asked for, read from its startup packet.
 *
 * @param role the role to be in the branch, without a token's id
 * @param database the database in the branch
 * @param branch the branch that was named, in whichever place
 * @param token the token that was presented
 * @param parameters the startup parameters to send on: as they came, but for {@code user}, {@code
 *     database} and what named the branch
 */
public record BranchAddress(
    String role,
    String database,
    Optional<BranchName> branch,
    Optional<PresentedToken> token,
    Map<String, String> parameters) {
  public BranchAddress {
    parameters = java.util.Collections.unmodifiableMap(new java.util.LinkedHashMap<>(parameters));
  }

  /**
   * Whether a replication connection is asked for.
   *
   * @throws RouteException with {@link RouteFailure.InvalidValue}
   */
  public boolean isReplication() throws RouteException {
    var value = parameters.get("replication");
    return value != null && ReplicationMode.parse(value) != ReplicationMode.NONE;
  }

  /** How a token was presented. */
  public sealed interface PresentedToken {
    /** The token's public part. */
    TokenId id();

    /** In the user name ({@code app~id}); its secret is the password of a SCRAM exchange. */
    record AsUser(TokenId id) implements PresentedToken {}

    /** In full ({@code vela_id_secret}) where the branch is named; no password is asked. */
    record AsBearer(TokenId id, Secret secret) implements PresentedToken {}
  }
}
