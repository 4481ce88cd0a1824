# Reference values for the clustered means, shares and contrasts.
# Run in this folder: Rscript reference.R    (packages clubSandwich, lme4, survey)
# Writes data.csv (made here, seed fixed) and reference.csv; the tests need no R.
# Adds real label revisions where tests/references.py wrote them (see there); none of their
# rows is written.
suppressPackageStartupMessages({library(clubSandwich); library(lme4); library(survey)})
source("real.R")
set.seed(20261124)

cohort <- function(name, n_subjects, icc, groups) {
  sizes <- pmax(1, round(rlnorm(n_subjects, 1, 0.8)))
  group <- rep(groups, length.out = n_subjects)
  rows <- lapply(seq_len(n_subjects), function(s) {
    own <- rnorm(1, 0, sqrt(icc))
    y <- round(3 * (own + rnorm(sizes[s], 0, sqrt(1 - icc))) + ifelse(group[s] == "A", 1, 0))
    data.frame(cohort = name, subject = sprintf("s%02d", s), group = group[s], y = y)
  })
  do.call(rbind, rows)
}
data <- rbind(
  cohort("clustered", 30, 0.4, c("A", "A", "B")),
  cohort("three", 24, 0.2, c("A", "A", "B", "C")),
  cohort("few", 7, 0.3, c("A", "A", "B")),
  cohort("flat", 25, 0.0, c("A", "B"))
)
# Odd shapes: ties on a lattice with constant and single clips; clips of a subject that oppose
# each other (a negative intraclass correlation); subjects that hardly vary.
odd <- function(name, sizes, groups, values) {
  rows <- lapply(seq_along(sizes), function(s) data.frame(
    cohort = name, subject = sprintf("s%02d", s), group = groups[(s - 1) %% length(groups) + 1],
    y = values(s, sizes[s])))
  do.call(rbind, rows)
}
set.seed(20270405)
data <- rbind(data,
  odd("lattice", c(rep(1, 18), 2, 2, 3, 3, 4, 5, 6, 8, 9, 11, 12, 14, 17), c("A", "A", "B", "C"),
      function(s, n) sample(0:3, if (s %% 5 == 0) 1 else n, TRUE, c(.45, .2, .15, .2)) + 0 * seq_len(n)),
  odd("opposed", rep(c(2, 4, 6, 3), 5), c("A", "B"),
      function(s, n) rep_len(c(-3, 3), n) + sample(-1:1, n, TRUE)),
  odd("constant", c(1, 5, 3, 2, 7, 9, 4, 1, 2, 6, 3, 5, 8, 2), c("A", "B", "A", "C"),
      function(s, n) round(rnorm(1, 0, 5)) + (s %% 3 == 0) * sample(-1:1, n, TRUE))
)
data$hit <- as.integer(data$y > 1)
write.csv(data, "data.csv", row.names = FALSE, quote = FALSE)
data <- with_real(data, "data.csv")

rows <- list()
add <- function(cohort, what, value) {
  rows[[length(rows) + 1]] <<- data.frame(cohort = cohort, what = what, value = value)
}
for (name in unique(data$cohort)) {
  d <- data[data$cohort == name, ]
  d$subject <- factor(d$subject); d$group <- factor(d$group)
  # mean over clips
  m <- lm(y ~ 1, d)
  t <- coef_test(m, vcov = vcovCR(m, cluster = d$subject, type = "CR2"), test = "Satterthwaite")
  add(name, "clip_mean", t$beta); add(name, "clip_se", t$SE); add(name, "clip_df", t$df_Satt)
  # random-intercept weights
  r <- suppressMessages(lmer(y ~ 1 + (1 | subject), d, REML = TRUE,
            control = lmerControl(optCtrl = list(xtol_rel = 1e-14, ftol_rel = 1e-14))))
  v <- as.data.frame(VarCorr(r))$vcov
  add(name, "ratio", v[1] / v[2])
  # how far both weightings lie apart, without each subject in turn, the ratio being given
  apart <- function(d) {
    n <- tapply(d$y, droplevels(d$subject), length); m <- tapply(d$y, droplevels(d$subject), mean)
    weighted.mean(m, n) - weighted.mean(m, 1 / (v[1] / v[2] + 1 / n))
  }
  left <- sapply(levels(d$subject), function(s) apart(d[d$subject != s, ]))
  add(name, "apart", apart(d))
  add(name, "apart_se", sqrt((length(left) - 1) / length(left) * sum((left - mean(left))^2)))
  u <- coef_test(r, vcov = vcovCR(r, type = "CR2"), test = "Satterthwaite")
  add(name, "subject_mean", u$beta); add(name, "subject_se", u$SE); add(name, "subject_df", u$df_Satt)
  # group A against all others, and all groups
  d$side <- factor(ifelse(d$group == "A", "A", "others"), levels = c("others", "A"))
  m2 <- lm(y ~ side, d)
  t2 <- coef_test(m2, vcov = vcovCR(m2, cluster = d$subject, type = "CR2"), test = "Satterthwaite")
  add(name, "clip_difference", t2$beta[2]); add(name, "clip_difference_se", t2$SE[2])
  add(name, "clip_difference_df", t2$df_Satt[2]); add(name, "clip_difference_p", t2$p_Satt[2])
  r2 <- suppressMessages(lmer(y ~ side + (1 | subject), d, REML = TRUE,
            control = lmerControl(optCtrl = list(xtol_rel = 1e-14, ftol_rel = 1e-14))))
  v2 <- as.data.frame(VarCorr(r2))$vcov
  add(name, "difference_ratio", v2[1] / v2[2])
  u2 <- coef_test(r2, vcov = vcovCR(r2, type = "CR2"), test = "Satterthwaite")
  add(name, "subject_difference", u2$beta[2]); add(name, "subject_difference_se", u2$SE[2])
  add(name, "subject_difference_df", u2$df_Satt[2]); add(name, "subject_difference_p", u2$p_Satt[2])
  if (nlevels(d$group) == 3 && all(tapply(as.character(d$subject), d$group, function(x) length(unique(x))) > 1)) {
    r3 <- suppressMessages(lmer(y ~ 0 + group + (1 | subject), d, REML = TRUE,
            control = lmerControl(optCtrl = list(xtol_rel = 1e-14, ftol_rel = 1e-14))))
    w <- Wald_test(r3, constraints = constrain_equal(1:3), vcov = vcovCR(r3, type = "CR2"), test = "HTZ")
    add(name, "htz_F", w$Fstat); add(name, "htz_df", w$df_denom); add(name, "htz_p", w$p_val)
    m3 <- lm(y ~ 0 + group, d)
    w3 <- Wald_test(m3, constraints = constrain_equal(1:3), vcov = vcovCR(m3, cluster = d$subject, type = "CR2"), test = "HTZ")
    add(name, "clip_htz_F", w3$Fstat); add(name, "clip_htz_df", w3$df_denom); add(name, "clip_htz_p", w3$p_val)
  }
  # share: survey's design-based error (its variance is G/(G-1), not CR2)
  s <- svydesign(~subject, data = d, weights = ~1)
  add(name, "share", as.numeric(svymean(~hit, s)))
  add(name, "share_survey_se", as.numeric(SE(svymean(~hit, s))))
  add(name, "share_survey_df", degf(s))
  k <- svyciprop(~hit, s, method = "beta")
  add(name, "share_low", attr(k, "ci")[1]); add(name, "share_high", attr(k, "ci")[2])
  h <- lm(hit ~ 1, d)
  th <- coef_test(h, vcov = vcovCR(h, cluster = d$subject, type = "CR2"), test = "Satterthwaite")
  add(name, "share_se", th$SE); add(name, "share_df", th$df_Satt)
  # difference of two shares
  if (any(tapply(d$hit, d$subject, function(h) length(unique(h))) > 1)) {
    r4 <- suppressMessages(lmer(hit ~ side + (1 | subject), d, REML = TRUE,
              control = lmerControl(optCtrl = list(xtol_rel = 1e-14, ftol_rel = 1e-14))))
    u4 <- coef_test(r4, vcov = vcovCR(r4, type = "CR2"), test = "Satterthwaite")
    add(name, "share_difference", u4$beta[2]); add(name, "share_difference_se", u4$SE[2])
    add(name, "share_difference_df", u4$df_Satt[2]); add(name, "share_difference_p", u4$p_Satt[2])
  }
  # subjects with any hit, and how alike the hits of a subject are (analysis of variance)
  any_hit <- tapply(d$hit, d$subject, max)
  b <- binom.test(sum(any_hit), length(any_hit))$conf.int
  add(name, "subjects_low", b[1]); add(name, "subjects_high", b[2])
  icc <- function(d) {
    d$subject <- droplevels(d$subject)
    ms <- summary(aov(hit ~ subject, d))[[1]][["Mean Sq"]]
    n <- table(d$subject); k <- (sum(n) - sum(n^2) / sum(n)) / (length(n) - 1)
    (ms[1] - ms[2]) / (ms[1] + (k - 1) * ms[2])
  }
  left <- sapply(levels(d$subject), function(s) icc(d[d$subject != s, ]))
  add(name, "icc", icc(d))
  add(name, "icc_se", sqrt((length(left) - 1) / length(left) * sum((left - mean(left))^2)))
}
out <- do.call(rbind, rows)
out$value <- formatC(out$value, digits = 15, format = "g")
write.csv(out, "reference.csv", row.names = FALSE, quote = FALSE)
