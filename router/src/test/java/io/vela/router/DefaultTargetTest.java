package io.vela.router;

import static org.assertj.core.api.Assertions.assertThat;

import io.vela.agent.Contents;
import io.vela.agent.Contents.Database;
import io.vela.agent.Role;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;

/** Who a connection string names that names nobody: a superuser only where there is no other. */
class DefaultTargetTest {
  private final List<Role> roles = new ArrayList<>();
  private final List<Database> databases =
      new ArrayList<>(List.of(new Database("postgres", "postgres")));

  DefaultTargetTest() {
    role("postgres", true, true);
  }

  private void role(String name, boolean canLogin, boolean superuser) {
    roles.add(new Role(name, Optional.empty(), canLogin, superuser, -1, Optional.empty()));
  }

  private DefaultTarget target() {
    return DefaultTarget.of(new Contents(18, "postgres", roles, databases));
  }

  @Test
  void theOwnerOfTheOnlyDatabase() {
    role("first", true, false);
    role("owner", true, false);
    databases.add(new Database("shop", "owner"));

    assertThat(target()).isEqualTo(new DefaultTarget("owner", "shop"));
  }

  @Test
  void whereTheOwnerIsASuperuserTheRoleOfTheDatabasesName() {
    role("first", true, false);
    role("shop", true, false);
    databases.add(new Database("shop", "postgres"));

    assertThat(target()).isEqualTo(new DefaultTarget("shop", "shop"));
  }

  @Test
  void whereTheOwnerMayNotLogInTheOldestRoleThatMay() {
    role("owners", false, false);
    role("app", true, false);
    role("later", true, false);
    databases.add(new Database("shop", "owners"));

    assertThat(target()).isEqualTo(new DefaultTarget("app", "shop"));
  }

  @Test
  void withSeveralDatabasesNoneOfThem() {
    role("app", true, false);
    databases.add(new Database("shop", "app"));
    databases.add(new Database("mail", "app"));

    assertThat(target()).isEqualTo(new DefaultTarget("app", "postgres"));
  }

  @Test
  void theSuperuserWhereNobodyElseMayLogIn() {
    role("group", false, false);
    role("root", true, true);
    databases.add(new Database("shop", "root"));

    assertThat(target()).isEqualTo(new DefaultTarget("postgres", "shop"));
  }
}
