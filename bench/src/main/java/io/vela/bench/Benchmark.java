package io.vela.bench;

import java.util.List;

/** One thing that can be measured. */
@FunctionalInterface
interface Benchmark {
  /** Measures it, and leaves nothing behind but what is below the bed's folder. */
  List<Figure> run(Bed bed) throws Exception;
}
