# Reference values for CR2 with covariates.
# Run in this folder: Rscript cr2.R    (package clubSandwich)
# Writes cr2_data.csv (made here, seed fixed) and cr2.csv; the tests need no R.
# Adds real label revisions where tests/references.py wrote them (see there); none of their
# rows is written.
suppressPackageStartupMessages(library(clubSandwich))
source("real.R")
set.seed(20261125)
cohort <- function(name, sizes, groups, emotions) {
  n <- length(sizes)
  group <- rep(groups, length.out = n)
  rows <- lapply(seq_len(n), function(s) data.frame(
    cohort = name, subject = sprintf("s%02d", s), group = group[s],
    emotion = sample(emotions, sizes[s], replace = TRUE),
    phase = round(rnorm(sizes[s], 5, 0.4), 3),
    y = round(rnorm(1, 0, 8) + rnorm(sizes[s], 0, 12) + ifelse(group[s] == "A", 6, 0), 3)))
  do.call(rbind, rows)
}
data <- rbind(
  cohort("balanced", rep(6, 16), c("A", "B"), c("happy", "sad", "fear")),
  cohort("unbalanced", c(1, 1, 2, 2, 3, 4, 5, 7, 9, 12, 20, 31), c("A", "A", "B"), c("happy", "sad", "fear", "anger")),
  cohort("three", pmax(1, round(rlnorm(28, 1.2, 0.8))), c("A", "A", "B", "C"), c("happy", "sad")),
  cohort("singles", c(rep(1, 10), 4, 8), c("A", "B", "B"), c("happy", "sad"))
)
write.csv(data, "cr2_data.csv", row.names = FALSE, quote = FALSE)
data <- with_real(data, "cr2_data.csv")
rows <- list()
add <- function(cohort, what, term, value) {
  rows[[length(rows) + 1]] <<- data.frame(cohort = cohort, what = what, term = term, value = value)
}
for (name in unique(data$cohort)) {
  d <- data[data$cohort == name, ]
  m <- lm(y ~ group + emotion + phase, d)
  v <- vcovCR(m, cluster = d$subject, type = "CR2")
  t <- coef_test(m, vcov = v, test = "Satterthwaite")
  for (i in seq_along(coef(m))) {
    term <- names(coef(m))[i]
    add(name, "beta", term, t$beta[i]); add(name, "se", term, t$SE[i])
    add(name, "df", term, t$df_Satt[i]); add(name, "p", term, t$p_Satt[i])
  }
  for (what in c("group", "emotion")) {
    own <- grep(paste0("^", what), names(coef(m)))
    w <- Wald_test(m, constraints = constrain_zero(own), vcov = v, test = "HTZ")
    add(name, "htz_F", what, w$Fstat); add(name, "htz_df", what, w$df_denom); add(name, "htz_p", what, w$p_val)
  }
}
out <- do.call(rbind, rows)
out$value <- formatC(out$value, digits = 15, format = "g")
write.csv(out, "cr2.csv", row.names = FALSE, quote = FALSE)
