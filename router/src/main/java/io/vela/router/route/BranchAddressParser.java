package io.vela.router.route;

import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.route.BranchAddress.PresentedToken;
import io.vela.router.route.BranchAddress.PresentedToken.AsBearer;
import io.vela.router.route.BranchAddress.PresentedToken.AsUser;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Pattern;

/**
 * Reads from a startup packet which branch its sender means.
 *
 * <p>A branch may be named in these places; all that name one must agree:
 *
 * <ul>
 *   <li>the database, {@code app@pr-42}: the last {@code @} splits. Nothing before it means the
 *       database of the user's name, as in Postgres; nothing after it is an error, not the default
 *       branch: a script's variable was empty.
 *   <li>{@code options}, see {@link StartupOptions}
 *   <li>a startup parameter {@code vela.branch}
 *   <li>the first label of the TLS server name
 * </ul>
 *
 * <p>In the first three a bearer token, {@code vela_<id>_<secret>}, may stand for the branch; so no
 * branch can be reached whose name begins with {@code vela_}. A user {@code app~k3f9x2}, split at
 * the last {@code ~}, presents a token when what follows could be a token's id; any other {@code ~}
 * is part of the role's name.
 *
 * <p>The listener's default counts only where neither a branch nor a token is named: a token may
 * name a branch by itself.
 */
public final class BranchAddressParser {
  /** What a bearer token begins with, and so no branch may. */
  public static final String TOKEN_PREFIX = "vela_";

  private static final Pattern BEARER =
      Pattern.compile("vela_(?<id>[a-z0-9]{4,16})_(?<secret>[A-Za-z0-9-]{8,128})");

  private BranchAddressParser() {}

  /**
   * Parses the parameters of a startup packet.
   *
   * @param startupParameters in the order in which they came, {@code user} and {@code database}
   *     among them
   * @param defaultBranch the listener's
   * @param serverName the TLS server name, where its suffix is one that names branches
   * @throws RouteException with {@link RouteFailure.Malformed}, {@link RouteFailure.Conflicting},
   *     or, without a user, {@link RouteFailure.Forbidden} (28000 as in Postgres)
   */
  public static BranchAddress parse(
      Map<String, String> startupParameters,
      Optional<BranchName> defaultBranch,
      Optional<String> serverName)
      throws RouteException {
    var named = new ArrayList<String>();
    var forward = new LinkedHashMap<String, String>();
    var user = "";
    var database = "";
    for (var entry : startupParameters.entrySet()) {
      var value = entry.getValue();
      switch (entry.getKey().toLowerCase(Locale.ROOT)) {
        case "user" -> user = value;
        case "database" -> database = value;
        case "vela.branch" -> named.add(value);
        case "replication" -> {
          if (entry.getKey().equals("replication")) {
            var _ = ReplicationMode.parse(value);
          }
          forward.put(entry.getKey(), value);
        }
        case "options" -> {
          var options = StartupOptions.parse(value);
          named.addAll(options.named());
          options.rest().ifPresent(rest -> forward.put(entry.getKey(), rest));
        }
        default -> forward.put(entry.getKey(), value);
      }
    }
    if (user.isEmpty()) {
      throw new RouteException(
          new RouteFailure.Forbidden("no PostgreSQL user name specified in startup packet"));
    }
    int at = database.lastIndexOf('@');
    if (at >= 0) {
      named.addFirst(database.substring(at + 1));
      database = database.substring(0, at);
    }
    var userToken = userToken(user);
    var role =
        RoleName.truncate(userToken.isPresent() ? user.substring(0, user.lastIndexOf('~')) : user);
    var branches = new ArrayList<BranchName>();
    var tokens = new ArrayList<AsBearer>();
    for (var name : named) {
      if (name.startsWith(TOKEN_PREFIX)) {
        tokens.add(parseBearer(name));
      } else {
        branches.add(branchName(name));
      }
    }
    if (serverName.isPresent()) {
      branches.add(branchName(firstLabel(serverName.get())));
    }
    var token = token(tokens, userToken);
    var branch = agreed(branches);
    return new BranchAddress(
        role,
        database.isEmpty() ? role : database,
        branch.isEmpty() && token.isEmpty() ? defaultBranch : branch,
        token,
        forward);
  }

  private static Optional<AsUser> userToken(String user) {
    int tilde = user.lastIndexOf('~');
    return tilde > 0 && TokenId.isValid(user.substring(tilde + 1))
        ? Optional.of(new AsUser(new TokenId(user.substring(tilde + 1))))
        : Optional.empty();
  }

  /**
   * Parses {@code vela_<id>_<secret>}.
   *
   * @throws RouteException with {@link RouteFailure.Malformed}; its message never repeats the text,
   *     which may hold most of a secret
   */
  public static AsBearer parseBearer(String text) throws RouteException {
    var match = BEARER.matcher(text);
    if (!match.matches()) {
      throw new RouteException(
          new RouteFailure.Malformed("malformed branch token: expected vela_<id>_<secret>"));
    }
    return new AsBearer(
        new TokenId(Objects.requireNonNull(match.group("id"))),
        new Secret(Objects.requireNonNull(match.group("secret"))));
  }

  private static BranchName branchName(String text) throws RouteException {
    if (!BranchName.isValid(text)) {
      throw new RouteException(
          new RouteFailure.Malformed(
              "invalid branch name \"%s\": %s".formatted(printable(text), BranchName.RULE)));
    }
    return new BranchName(text);
  }

  /** DNS names are the same in any case (RFC 4343); branch names are in lower case. */
  private static String firstLabel(String serverName) {
    int dot = serverName.indexOf('.');
    return (dot < 0 ? serverName : serverName.substring(0, dot)).toLowerCase(Locale.ROOT);
  }

  private static Optional<PresentedToken> token(List<AsBearer> bearers, Optional<AsUser> user)
      throws RouteException {
    for (var bearer : bearers) {
      if (!bearer.equals(bearers.getFirst())) {
        throw conflict("token " + bearers.getFirst().id(), "token " + bearer.id());
      }
      if (user.isPresent() && !user.get().id().equals(bearer.id())) {
        throw conflict("token " + user.get().id(), "token " + bearer.id());
      }
    }
    return bearers.isEmpty()
        ? user.map(PresentedToken.class::cast)
        : Optional.of(bearers.getFirst());
  }

  private static Optional<BranchName> agreed(List<BranchName> branches) throws RouteException {
    for (var branch : branches) {
      if (!branch.equals(branches.getFirst())) {
        throw conflict("\"" + branches.getFirst() + "\"", "\"" + branch + "\"");
      }
    }
    return branches.stream().findFirst();
  }

  private static RouteException conflict(String first, String second) {
    return new RouteException(new RouteFailure.Conflicting(first, second));
  }

  /** Short and without control characters, so that it fits one line of a log. */
  private static String printable(String text) {
    var line = text.replaceAll("\\p{Cntrl}", "?");
    return line.length() <= 100 ? line : line.substring(0, 100) + "…";
  }
}
