package io.vela.router.route;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.vela.config.value.BranchName;
import io.vela.config.value.Secret;
import io.vela.router.RouteException;
import io.vela.router.RouteFailure;
import io.vela.router.route.BranchAddress.PresentedToken;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class BranchAddressParserTest {
  private static final String SECRET = "0123456789abcdefABCDEF0123456789abcdefABCDE";
  private static final String BEARER = "vela_k3f9x2_" + SECRET;

  @ParameterizedTest(name = "user={0} database={1} options={2}")
  @CsvSource(
      nullValues = "-",
      value = {
        // user, database, options -> role, database, branch, options sent on
        "app, app@pr-42, -, app, app, pr-42, -",
        "app, a@b@pr-42, -, app, a@b, pr-42, -",
        "app, @pr-42, -, app, app, pr-42, -",
        "app, app, -, app, app, -, -",
        "app, -, -, app, app, -, -",
        "app, '', -, app, app, -, -",
        "app, shop, branch=pr-42, app, shop, pr-42, -",
        "app, shop, endpoint=pr-42, app, shop, pr-42, -",
        "app, shop, -c vela.branch=pr-42, app, shop, pr-42, -",
        "app, shop, -cvela.branch=pr-42, app, shop, pr-42, -",
        "app, shop, --vela.branch=pr-42, app, shop, pr-42, -",
        "app, shop, --VELA.Branch=pr-42, app, shop, pr-42, -",
        "app, shop, '  branch=pr-42  ', app, shop, pr-42, -",
        "app, shop@pr-42, branch=pr-42, app, shop, pr-42, -",
        "app, shop, branch=pr-42 endpoint=pr-42, app, shop, pr-42, -",
        "app, shop, -c work_mem=1MB branch=pr-42 -c jit=off, app, shop, pr-42, -c work_mem=1MB -c"
            + " jit=off",
        "app, shop, -c a.b=x\\ y  branch=pr-42, app, shop, pr-42, '-c a.b=x\\ y  '",
        "app, shop, -c a.b=x\\ branch=z, app, shop, -, -c a.b=x\\ branch=z",
        "app, shop, -c a.b=\\\\ branch=z, app, shop, z, '-c a.b=\\\\ '",
        "app, shop, bra\\nch=pr-42, app, shop, pr-42, -",
        "app, shop, -c branch=z, app, shop, -, -c branch=z",
        "app, shop, -c, app, shop, -, -c",
        "app, shop, ' -c  jit=off ', app, shop, -, ' -c  jit=off '",
        "app, shop, '', app, shop, -, ''",
        "a~b, shop, -, a~b, shop, -, -",
        "a~, shop, -, a~, shop, -, -",
        "~k3f9x2, shop, -, ~k3f9x2, shop, -, -",
        "a~K3F9X2, shop, -, a~K3F9X2, shop, -, -",
      })
  void aPacketSaysWhichBranchItMeans(
      String user,
      String database,
      String options,
      String role,
      String inBranch,
      String branch,
      String sentOn)
      throws RouteException {
    var address = parse(packet(user, database, options));

    assertThat(address.role()).isEqualTo(role);
    assertThat(address.database()).isEqualTo(inBranch);
    assertThat(address.branch()).isEqualTo(Optional.ofNullable(branch).map(BranchName::new));
    assertThat(address.token()).isEmpty();
    assertThat(address.parameters().get("options")).isEqualTo(sentOn);
  }

  @ParameterizedTest
  @CsvSource(
      nullValues = "-",
      value = {
        "app@Pr-42, -",
        "app@, -",
        "app@pr/42, -",
        "app@-pr, -",
        "app@pr-, -",
        "app, branch=",
        "app, branch=Ü",
        "app, -c vela.branch=a/b"
      })
  void aMalformedNameIsRefusedWithTheRule(String database, String options) {
    assertThat(failure(packet("app", database, options)))
        .isInstanceOf(RouteFailure.Malformed.class)
        .extracting(RouteFailure::message)
        .asString()
        .startsWith("invalid branch name")
        .contains(BranchName.RULE);
  }

  @Test
  void aNameOf63CharactersIsTheLongest() throws RouteException {
    assertThat(parse(packet("app", "app@" + "a".repeat(63), null)).branch()).isPresent();
    assertThat(failure(packet("app", "app@" + "a".repeat(64), null)))
        .isInstanceOf(RouteFailure.Malformed.class);
  }

  @Test
  void aMalformedNameCannotForgeALineOfALog() {
    assertThat(
            failure(packet("app", "app@x\nERROR all is lost" + "x".repeat(5000), null)).message())
        .doesNotContain("\n")
        .hasSizeLessThan(300);
  }

  @ParameterizedTest
  @CsvSource({"app@one, branch=two", "app, branch=one -c vela.branch=two"})
  void twoNamesThatDisagreeAreRefusedNamingBoth(String database, String options) {
    assertThat(failure(packet("app", database, options)))
        .isEqualTo(new RouteFailure.Conflicting("\"one\"", "\"two\""));
  }

  @Test
  void withoutAUserItIsRefusedAsPostgresDoes() {
    assertThat(failure(Map.of("database", "app@pr-42"))).isInstanceOf(RouteFailure.Forbidden.class);
  }

  @Test
  void theStartupParameterVelaBranchNamesABranchAndIsNotSentOn() throws RouteException {
    var packet = packet("app", "shop", null);
    packet.put("vela.branch", "pr-42");

    var address = parse(packet);

    assertThat(address.branch()).contains(new BranchName("pr-42"));
    assertThat(address.parameters()).isEmpty();
  }

  @Test
  void allOtherParametersAreSentOnAsTheyCame() throws RouteException {
    var packet = packet("app", "shop@pr-42", null);
    packet.put("replication", "database");
    packet.put("TimeZone", "Europe/Berlin");
    packet.put("application_name", "a@b~c branch=x");
    packet.put("_pq_.command_tag_format", "x");

    assertThat(parse(packet).parameters())
        .containsExactly(
            Map.entry("replication", "database"),
            Map.entry("TimeZone", "Europe/Berlin"),
            Map.entry("application_name", "a@b~c branch=x"),
            Map.entry("_pq_.command_tag_format", "x"));
  }

  @Test
  void aTokenIdInTheUserIsTakenFromTheRoleAndFromTheDefaultDatabase() throws RouteException {
    var address = parse(packet("my~app~k3f9x2", null, null));

    assertThat(address.role()).isEqualTo("my~app");
    assertThat(address.database()).isEqualTo("my~app");
    assertThat(address.token()).contains(new PresentedToken.AsUser(new TokenId("k3f9x2")));
    assertThat(address.branch()).isEmpty();
  }

  @ParameterizedTest
  @ValueSource(strings = {"branch=", "endpoint=", "-c vela.branch=", "--vela.branch="})
  void aBearerTokenStandsWhereABranchWould(String option) throws RouteException {
    var address = parse(packet("app", "shop", option + BEARER));

    assertThat(address.token())
        .contains(new PresentedToken.AsBearer(new TokenId("k3f9x2"), new Secret(SECRET)));
    assertThat(address.branch()).isEmpty();
    assertThat(address.parameters()).isEmpty();
  }

  @Test
  void aBearerTokenStandsInTheDatabaseBesideABranchInTheOptions() throws RouteException {
    var address = parse(packet("app", "shop@" + BEARER, "branch=pr-42"));

    assertThat(address.token()).isPresent();
    assertThat(address.branch()).contains(new BranchName("pr-42"));
    assertThat(address.database()).isEqualTo("shop");
  }

  @ParameterizedTest
  @ValueSource(strings = {"vela_", "vela_k3f9x2", "vela_k3f9x2_", "vela_K3_topsecrettopsecret"})
  void aBrokenTokenIsRefusedWithoutRepeatingIt(String token) {
    assertThat(failure(packet("app", "shop@" + token, null)))
        .isInstanceOf(RouteFailure.Malformed.class)
        .extracting(RouteFailure::message)
        .asString()
        .contains("vela_<id>_<secret>")
        .doesNotContain("topsecret");
  }

  @Test
  void twoTokensThatDisagreeAreRefusedWithoutTheirSecrets() {
    assertThat(failure(packet("app~other1", "shop@" + BEARER, null)))
        .isEqualTo(new RouteFailure.Conflicting("token other1", "token k3f9x2"));
    assertThat(failure(packet("app", "shop@" + BEARER, "branch=" + BEARER + "x")))
        .isEqualTo(new RouteFailure.Conflicting("token k3f9x2", "token k3f9x2"));
  }

  @Test
  void theDefaultHoldsOnlyWhereNeitherBranchNorTokenIsNamed() throws RouteException {
    var main = Optional.of(new BranchName("main"));

    assertThat(parse(packet("app", "shop", null), main, Optional.empty()).branch()).isEqualTo(main);
    assertThat(parse(packet("app", "shop@x", null), main, Optional.empty()).branch())
        .contains(new BranchName("x"));
    assertThat(parse(packet("app~k3f9x2", "shop", null), main, Optional.empty()).branch())
        .isEmpty();
  }

  @Test
  void theServerNamesFirstLabelIsTheBranch() throws RouteException {
    var packet = packet("app", "shop", null);

    assertThat(parse(packet, Optional.empty(), Optional.of("PR-42.db.example.com")).branch())
        .contains(new BranchName("pr-42"));
  }

  @Test
  void aServerNameAndADatabaseThatDisagreeAreRefused() {
    var thrown =
        catchThrowableOfType(
            RouteException.class,
            () ->
                parse(
                    packet("app", "shop@one", null), Optional.empty(), Optional.of("two.example")));

    assertThat(thrown.failure()).isEqualTo(new RouteFailure.Conflicting("\"one\"", "\"two\""));
  }

  private static Map<String, String> packet(
      String user,
      @org.jspecify.annotations.Nullable String database,
      @org.jspecify.annotations.Nullable String options) {
    var packet = new LinkedHashMap<String, String>();
    packet.put("user", user);
    if (database != null) {
      packet.put("database", database);
    }
    if (options != null) {
      packet.put("options", options);
    }
    return packet;
  }

  private static BranchAddress parse(Map<String, String> packet) throws RouteException {
    return parse(packet, Optional.empty(), Optional.empty());
  }

  private static BranchAddress parse(
      Map<String, String> packet, Optional<BranchName> defaultBranch, Optional<String> serverName)
      throws RouteException {
    return BranchAddressParser.parse(packet, defaultBranch, serverName);
  }

  private static RouteFailure failure(Map<String, String> packet) {
    return catchThrowableOfType(RouteException.class, () -> parse(packet)).failure();
  }
}
