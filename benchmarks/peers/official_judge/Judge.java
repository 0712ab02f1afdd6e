import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.parser.IParser;
import ca.uhn.fhir.validation.FhirValidator;
import ca.uhn.fhir.validation.ResultSeverityEnum;
import ca.uhn.fhir.validation.SingleValidationMessage;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.instance.model.api.IBaseResource;

/** Judges resources by the official validator: one resource a line, JSON or XML, on standard input, one line of errors (or an empty one) each on standard output. */
public final class Judge {
    public static void main(String[] folders) throws Exception {
        FhirContext context = FhirContext.forR4();
        IParser parser = context.newJsonParser();
        PrePopulatedValidationSupport ours = new PrePopulatedValidationSupport(context);
        for (String folder : folders) {
            try (var files = Files.list(Path.of(folder))) {
                for (Path file : (Iterable<Path>) files.sorted()::iterator) {
                    ours.addResource(parser.parseResource(Files.readString(file)));
                }
            }
        }
        ValidationSupportChain chain = new ValidationSupportChain(
            new DefaultProfileValidationSupport(context), ours, new CommonCodeSystemsTerminologyService(context),
            new InMemoryTerminologyServerValidationSupport(context), new SnapshotGeneratingValidationSupport(context));
        FhirInstanceValidator module = new FhirInstanceValidator(chain);
        module.setAnyExtensionsAllowed(false);
        module.setErrorForUnknownProfiles(false);
        module.setNoTerminologyChecks(false);
        FhirValidator validator = context.newValidator();
        validator.registerValidatorModule(module);
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            List<String> errors = new ArrayList<>();
            try {
                for (SingleValidationMessage message : validator.validateWithResult(line).getMessages()) {
                    if (message.getSeverity() == ResultSeverityEnum.ERROR || message.getSeverity() == ResultSeverityEnum.FATAL) {
                        errors.add(message.getLocationString() + ": " + message.getMessage());
                    }
                }
            } catch (RuntimeException refused) {
                errors.add(String.valueOf(refused.getMessage()));
            }
            out.println(String.join(" | ", errors).replace('\n', ' '));
        }
    }
}
