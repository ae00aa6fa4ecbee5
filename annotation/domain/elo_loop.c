/* Online Elo over columns of numbers: the loop of elo.py, with the same operations in the same order,
   so that both give the same digits. Built by setup.sh where there is a C compiler. */
#include <math.h>
#include <stdint.h>

void elo_loop(int64_t votes, const int64_t *left, const int64_t *right, const double *score,
              double k, double steepness, double *ratings) {
    for (int64_t vote = 0; vote < votes; vote++) {
        double before = ratings[left[vote]], other = ratings[right[vote]];
        double gain = k * (score[vote] - 1.0 / (1.0 + exp((other - before) * steepness)));
        ratings[left[vote]] = before + gain;
        ratings[right[vote]] = other - gain;
    }
}
