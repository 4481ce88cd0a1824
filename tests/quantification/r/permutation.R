# Reference values for permutations and sign flips of subjects.
# Run in this folder: Rscript permutation.R    (packages lme4, clubSandwich, coin)
# Reads data.csv and boot_data.csv, writes permutation.csv; the tests need no R.
# Adds real label revisions where tests/references.py wrote them (see there); none of their
# rows is written.
# Every assignment of the nine largest subjects to the sides is fitted anew by lme4 and
# studentized by clubSandwich; coin gives exact sign flips (an arm permuted within subjects).
suppressPackageStartupMessages({library(clubSandwich); library(lme4); library(coin)})
source("real.R")
tight <- lmerControl(optCtrl = list(xtol_rel = 1e-14, ftol_rel = 1e-14))
rows <- list()
add <- function(cohort, what, value) {
  rows[[length(rows) + 1]] <<- data.frame(cohort = cohort, what = what, value = value)
}
studentized <- function(d, side) {
  d$side <- side[d$subject]
  m <- suppressWarnings(suppressMessages(lmer(y ~ side + (1 | subject), d, REML = TRUE, control = tight)))
  abs(coef_test(m, vcov = vcovCR(m, type = "CR2"), test = "naive-t")$tstat[2])
}
data <- with_real(read.csv("data.csv"), "data.csv")
for (name in unique(data$cohort)) {
  d <- data[data$cohort == name, ]
  sizes <- table(d$subject)
  chosen <- head(names(sizes)[order(-sizes, names(sizes))], 9)
  d <- d[d$subject %in% chosen, ]
  chosen <- sort(chosen)
  every <- combn(length(chosen), 3)
  t <- apply(every, 2, function(own) studentized(d, setNames(chosen %in% chosen[own], chosen)))
  # the first three by name against the others is the observed assignment, and the first here
  add(name, "statistic", t[1]); add(name, "assignments", length(t))
  add(name, "p", mean(t >= t[1] * (1 - 1e-6)))
}
data <- with_real(read.csv("boot_data.csv"), "boot_data.csv")
for (name in c("whole", "lattice", "casme3_micro")) if (name %in% data$cohort) {
  sums <- tapply(data$y[data$cohort == name], data$subject[data$cohort == name], sum)
  if (name == "whole") sums <- head(sums, 12)
  long <- data.frame(y = c(sums, 0 * sums), arm = factor(rep(1:2, each = length(sums))),
                     subject = factor(rep(names(sums), 2)))
  add(name, "flip_p", pvalue(oneway_test(y ~ arm | subject, long, distribution = "exact")))
}
out <- do.call(rbind, rows)
out$value <- formatC(out$value, digits = 15, format = "g")
write.csv(out, "permutation.csv", row.names = FALSE, quote = FALSE)
