package io.vela.router.policy;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import io.vela.config.value.Secret;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure.BadToken;
import io.vela.router.RouteFailure.BadToken.Reason;
import io.vela.router.Router.MintedToken;
import io.vela.router.catalog.Catalog;
import io.vela.router.catalog.TokenRight;
import io.vela.router.catalog.TokenRow;
import io.vela.router.catalog.TokenScope;
import io.vela.router.catalog.TokenState;
import io.vela.router.route.BranchAddress.PresentedToken;
import io.vela.router.route.BranchAddress.PresentedToken.AsBearer;
import io.vela.router.route.BranchAddress.PresentedToken.AsUser;
import io.vela.router.route.TokenId;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.security.SecureRandom;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.HexFormat;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.Semaphore;

/**
 * Makes and checks tokens. Their secrets are 256 random bits as 43 letters and digits; only a SCRAM
 * verifier is kept. Methods block: call them on virtual threads.
 */
public final class Tokens {
  private static final String ID_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789";
  private static final String SECRET_ALPHABET =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  private static final int ID_LENGTH = 6;

  /** How long a token stays listed, and told apart from an unknown one, after its end. */
  public static final Duration LISTED = Duration.ofDays(30);

  /** 62^43 is just above 2^256. */
  private static final int SECRET_LENGTH = 43;

  private final Catalog catalog;
  private final Clock clock;
  private final SecureRandom random = new SecureRandom();

  /** Checked against for an unknown id, so that it takes as long as a wrong secret. */
  private final ScramSecret decoy;

  private final Semaphore derivations =
      new Semaphore(Math.max(1, Runtime.getRuntime().availableProcessors() / 2), true);

  /** Hashes of secret and verifier that were found to match: deriving a key takes milliseconds. */
  private final Cache<String, Boolean> matched =
      Caffeine.newBuilder().maximumSize(10_000).expireAfterWrite(Duration.ofMinutes(5)).build();

  /**
   * @param clock for expiry
   */
  public Tokens(Catalog catalog, Clock clock) {
    this.catalog = catalog;
    this.clock = clock;
    this.decoy = ScramSecret.of(new Secret(randomText(SECRET_ALPHABET, SECRET_LENGTH)), random);
    catalog.onTokenChanged(_ -> matched.invalidateAll());
  }

  /**
   * Makes a token.
   *
   * @param roles {@link TokenRow#roles}
   */
  public MintedToken mint(
      TokenScope scope, List<String> roles, Set<TokenRight> rights, Optional<Instant> expiresAt)
      throws RouteException {
    var secret = new Secret(randomText(SECRET_ALPHABET, SECRET_LENGTH));
    var verifier = ScramSecret.of(secret, random).asVerifier();
    while (true) {
      var id = new TokenId(randomText(ID_ALPHABET, ID_LENGTH));
      var row =
          new TokenRow(
              id, verifier, scope, roles, rights, expiresAt, Optional.empty(), clock.instant());
      if (catalog.insertToken(row)) {
        return new MintedToken(id, secret);
      }
    }
  }

  /**
   * Gives a token a new secret; the old one is good for nothing from here on.
   *
   * @param expiresAt its end from now on
   * @return empty when there is no such token that is not revoked
   */
  public Optional<MintedToken> rotate(TokenId id, Optional<Instant> expiresAt)
      throws RouteException {
    var secret = new Secret(randomText(SECRET_ALPHABET, SECRET_LENGTH));
    var verifier = ScramSecret.of(secret, random).asVerifier();
    return catalog.rotateToken(id, verifier, expiresAt)
        ? Optional.of(new MintedToken(id, secret))
        : Optional.empty();
  }

  /**
   * Removes what has let nobody in for {@link #LISTED}.
   *
   * @param inUse tokens on which sessions stand: a token that runs out ends none of them
   */
  public List<TokenId> prune(Set<TokenId> inUse) throws RouteException {
    return catalog.pruneTokens(clock.instant().minus(LISTED), inUse);
  }

  /** Whether it lets anybody in at this moment. */
  public TokenState state(TokenRow token) {
    return token.state(clock.instant());
  }

  /**
   * Looks up what was presented. A bearer's secret is checked; a token presented as user is only
   * found, its secret is for the password exchange.
   *
   * @throws RouteException with {@link BadToken} when it is unknown, expired, revoked or its secret
   *     is wrong; who presented it is not told which
   */
  public TokenRow find(PresentedToken presented) throws RouteException {
    var known = catalog.token(presented.id());
    var alive = known.filter(this::isAlive);
    boolean good =
        switch (presented) {
          case AsUser _ -> true;
          case AsBearer bearer ->
              alive.isPresent()
                  ? matches(alive.get(), bearer.secret())
                  : derives(decoy, bearer.secret());
        };
    if (alive.isEmpty() || !good) {
      var reason = known.map(this::reason).orElse(Reason.UNKNOWN);
      throw new RouteException(new BadToken(presented.id().value(), reason));
    }
    return alive.get();
  }

  private Reason reason(TokenRow token) {
    return switch (state(token)) {
      case GOOD -> Reason.WRONG_SECRET;
      case EXPIRED -> Reason.EXPIRED;
      case REVOKED -> Reason.REVOKED;
    };
  }

  /** What {@link #find} would answer, where neither catalogue nor key is needed. Does not block. */
  public Optional<TokenRow> atHand(PresentedToken presented) {
    return catalog
        .tokenAtHand(presented.id())
        .filter(this::isAlive)
        .filter(
            token ->
                switch (presented) {
                  case AsUser _ -> true;
                  case AsBearer bearer -> hasMatched(matchKey(token, bearer.secret()));
                });
  }

  private boolean isAlive(TokenRow token) {
    return state(token) == TokenState.GOOD;
  }

  private boolean matches(TokenRow token, Secret secret) {
    var key = matchKey(token, secret);
    if (hasMatched(key)) {
      return true;
    }
    boolean good = derives(ScramSecret.parse(token.verifier()).orElse(decoy), secret);
    if (good) {
      matched.put(key, true);
    }
    return good;
  }

  private boolean hasMatched(String key) {
    return matched.getIfPresent(key) != null;
  }

  private static String matchKey(TokenRow token, Secret secret) {
    return hash(token.verifier().reveal() + " " + secret.reveal());
  }

  /** Whoever floods Vela with secrets gets a part of the processors at most. */
  private boolean derives(ScramSecret verifier, Secret secret) {
    derivations.acquireUninterruptibly();
    try {
      return verifier.matches(secret);
    } finally {
      derivations.release();
    }
  }

  private static String hash(String text) {
    try {
      var digest = MessageDigest.getInstance("SHA-256");
      return HexFormat.of().formatHex(digest.digest(text.getBytes(StandardCharsets.UTF_8)));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }

  private String randomText(String alphabet, int length) {
    var text = new StringBuilder(length);
    for (int i = 0; i < length; i++) {
      text.append(alphabet.charAt(random.nextInt(alphabet.length())));
    }
    return text.toString();
  }
}
