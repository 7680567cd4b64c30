package io.vela.bench.micro;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.openjdk.jmh.results.RunResult;
import org.openjdk.jmh.runner.Runner;
import org.openjdk.jmh.runner.options.OptionsBuilder;
import org.openjdk.jmh.runner.options.TimeValue;
import org.openjdk.jmh.runner.options.VerboseMode;

/** Each JMH benchmark runs; how fast is not asked here. */
final class MicrobenchmarkTest {
  @Test
  void eachBenchmarkRunsToItsEnd() throws Exception {
    var results =
        new Runner(
                new OptionsBuilder()
                    .include(MicrobenchmarkTest.class.getPackageName() + "\\..*")
                    .forks(0)
                    .warmupIterations(0)
                    .measurementIterations(1)
                    .measurementTime(new TimeValue(1, TimeUnit.MILLISECONDS))
                    .shouldFailOnError(true)
                    .verbosity(VerboseMode.SILENT)
                    .build())
            .run();

    assertThat(results)
        .extracting(MicrobenchmarkTest::name)
        .contains(
            "TrackerBenchmark.oneSelect",
            "TrackerBenchmark.thousandSelectsPipelined",
            "TrackerBenchmark.thousandRows",
            "CodecBenchmark.readStartupMessage",
            "CodecBenchmark.readMessages",
            "CodecBenchmark.writeWelcome",
            "CodecBenchmark.writeError");
  }

  private static String name(RunResult result) {
    var name = result.getParams().getBenchmark();
    return name.substring(MicrobenchmarkTest.class.getPackageName().length() + 1);
  }
}
