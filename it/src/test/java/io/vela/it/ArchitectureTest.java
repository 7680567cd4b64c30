package io.vela.it;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Holds the arrows of docs/architecture.md: each points at what is depended upon, none back. */
final class ArchitectureTest {
  private static JavaClasses classes;

  @BeforeAll
  static void load() {
    classes =
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("io.vela");
  }

  @Test
  void dependenciesBetweenModulesPointOneWay() {
    layeredArchitecture()
        .consideringOnlyDependenciesInLayers()
        .layer("config")
        .definedBy("io.vela.config..")
        .layer("agent")
        .definedBy("io.vela.agent..")
        .layer("router")
        .definedBy("io.vela.router..")
        .layer("proxy")
        .definedBy("io.vela.proxy..")
        .layer("admin")
        .definedBy("io.vela.admin..")
        .layer("cli")
        .definedBy("io.vela.cli..")
        .layer("bench")
        .definedBy("io.vela.bench..")
        .whereLayer("config")
        .mayNotAccessAnyLayer()
        .whereLayer("agent")
        .mayOnlyAccessLayers("config")
        .whereLayer("router")
        .mayOnlyAccessLayers("config", "agent")
        .whereLayer("proxy")
        .mayOnlyAccessLayers("config", "agent", "router")
        .whereLayer("admin")
        .mayOnlyAccessLayers("config", "agent", "router")
        .whereLayer("cli")
        .mayOnlyAccessLayers("config", "agent", "router", "proxy", "admin")
        .whereLayer("bench")
        .mayNotBeAccessedByAnyLayer()
        .check(classes);
  }

  @Test
  void packagesOfAModuleFormNoCycle() {
    for (var module : new String[] {"agent.storage", "proxy", "router"}) {
      slices().matching("io.vela." + module + ".(*)..").should().beFreeOfCycles().check(classes);
    }
  }

  @Test
  void theProtocolKnowsNothingOfVela() {
    noClasses()
        .that()
        .resideInAPackage("io.vela.proxy.wire..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "io.vela.config..",
            "io.vela.agent..",
            "io.vela.router..",
            "io.vela.proxy",
            "io.vela.proxy.session..",
            "io.vela.proxy.auth..",
            "io.vela.proxy.net..",
            "io.vela.proxy.backend..",
            "io.vela.proxy.cancel..",
            "io.vela.proxy.park..",
            "io.vela.proxy.relay..")
        .check(classes);
  }

  @Test
  void theHotPathKnowsOnlyTheProtocol() {
    noClasses()
        .that()
        .resideInAPackage("io.vela.proxy.relay..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "io.vela.config..",
            "io.vela.agent..",
            "io.vela.router..",
            "io.vela.proxy.session..",
            "io.vela.proxy.auth..")
        .check(classes);
  }

  @Test
  void theStateOfASessionKnowsOnlyTheProtocol() {
    noClasses()
        .that()
        .resideInAPackage("io.vela.proxy.park..")
        .should()
        .dependOnClassesThat()
        .resideInAnyPackage(
            "io.vela.agent..",
            "io.vela.router..",
            "io.vela.proxy.session..",
            "io.vela.proxy.auth..",
            "io.vela.proxy.relay..")
        .check(classes);
  }

  @Test
  void onlyTheExecPackageStartsProcesses() {
    noClasses()
        .that()
        .resideOutsideOfPackage("io.vela.agent.exec..")
        .should()
        .dependOnClassesThat()
        .belongToAnyOf(ProcessBuilder.class)
        .orShould()
        .callMethod(Runtime.class, "exec", String[].class)
        .check(classes);
  }

  @Test
  void driversAreReachedThroughTheirRegistryOnly() {
    noClasses()
        .that()
        .resideOutsideOfPackages("io.vela.agent.storage..")
        .should()
        .dependOnClassesThat()
        .resideInAPackage("io.vela.agent.storage.driver..")
        .check(classes);
  }
}
